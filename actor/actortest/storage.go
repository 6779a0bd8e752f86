package actortest

import (
	"maps"
	"slices"
	"strings"

	"github.com/hubbub-edge/hubbub/actor"
)

// storage is the engine's host: the data of the hub whose turn runs.
type storage struct{ h *Host }

var _ actor.Host = storage{}

func (s storage) Get(key string) ([]byte, bool, error) {
	value, ok := s.h.turn.data[key]
	return slices.Clone(value), ok, nil
}

func (s storage) Put(key string, value []byte) error {
	s.h.turn.data[key] = slices.Clone(value)
	return nil
}

func (s storage) Delete(key string) (bool, error) {
	_, ok := s.h.turn.data[key]
	delete(s.h.turn.data, key)
	return ok, nil
}

func (s storage) List(opts actor.ListOptions, yield func(string, []byte) bool) error {
	keys := slices.Sorted(maps.Keys(s.h.turn.data))
	if opts.Reverse {
		slices.Reverse(keys)
	}
	left := opts.Limit
	for _, key := range keys {
		switch {
		case !strings.HasPrefix(key, opts.Prefix), key < opts.Start, opts.End != "" && key >= opts.End,
			opts.StartAfter != "" && key <= opts.StartAfter:
			continue
		}
		if !yield(key, slices.Clone(s.h.turn.data[key])) {
			return nil
		}
		if left--; left == 0 {
			return nil
		}
	}
	return nil
}

func (s storage) Random(p []byte) { s.h.rand.Read(p) }
