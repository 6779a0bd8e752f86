package actortest_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
	"pgregory.net/rapid"
)

// entries is the model of storage: what is in it, in the order of the keys.
type entries []entry

type entry struct{ key, value string }

func (e entries) find(key string) (int, bool) {
	return slices.BinarySearchFunc(e, key, func(e entry, key string) int { return strings.Compare(e.key, key) })
}

func (e *entries) put(key, value string) {
	i, ok := e.find(key)
	if !ok {
		*e = slices.Insert(*e, i, entry{})
	}
	(*e)[i] = entry{key, value}
}

func (e *entries) delete(key string) bool {
	i, ok := e.find(key)
	if ok {
		*e = slices.Delete(*e, i, i+1)
	}
	return ok
}

// list says it as the options' documentation does: each drops what it does not select, and then the rest is cut.
func (e entries) list(o actor.ListOptions) entries {
	drop := func(unless func(key string) bool) {
		e = slices.DeleteFunc(slices.Clone(e), func(e entry) bool { return !unless(e.key) })
	}
	drop(func(key string) bool { return strings.HasPrefix(key, o.Prefix) })
	drop(func(key string) bool { return key >= o.Start })
	if o.StartAfter != "" {
		drop(func(key string) bool { return key > o.StartAfter })
	}
	if o.End != "" {
		drop(func(key string) bool { return key < o.End })
	}
	if o.Reverse {
		slices.Reverse(e)
	}
	if o.Limit > 0 && len(e) > o.Limit {
		e = e[:o.Limit]
	}
	return e
}

// storageKeys lie before, around and behind the engine's own, and are of several lengths of UTF-8.
var storageKeys = []string{
	"a", "ab", "abc", "b", "hub", "hubbub", "hubbub.", "hubbub0", "i", "z/1", "z/2", "é", "\uffff", "\U0001f600",
}

var errOnPurpose = errors.New("on purpose")

// Storage is compared with the model across turns, of which some fail, and across the loss of the hub's value. Hub code
// does not see the engine's own keys, of which there are some, and which lie among the others.
func TestStorage(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t)
		w.turn("a", func(t *actor.Turn) error {
			_, err := t.Publish(actor.Event{Data: "x"})
			return err
		})
		committed := entries{}
		for range rapid.IntRange(1, 12).Draw(rt, "turns") {
			ops := rapid.SliceOfN(genStorageOp, 0, 8).Draw(rt, "operations")
			fails := rapid.Bool().Draw(rt, "fails")
			model := slices.Clone(committed)
			var result error
			w.turn("a", func(t *actor.Turn) error {
				for _, o := range ops {
					if result = o.run(t.Storage(), &model); result != nil {
						return result
					}
				}
				if fails {
					result = errOnPurpose
				}
				return result
			})
			switch {
			case result == nil:
				committed = model
			case !errors.Is(result, errOnPurpose):
				rt.Fatal(result)
			}
			if rapid.IntRange(0, 5).Draw(rt, "lost") == 5 {
				w.Lose()
			}
		}
	})
}

// storageOp is one call of a storage.
type storageOp struct {
	Do         string
	Key, Value string
	List       actor.ListOptions
	Stop       int // after how many entries the listing is broken off
}

var genStorageOp = rapid.Custom(func(t *rapid.T) storageOp {
	key := rapid.SampledFrom(storageKeys)
	bound := rapid.SampledFrom(append([]string{""}, storageKeys...))
	o := storageOp{
		Do:    rapid.SampledFrom([]string{"put", "list", "get", "delete", "put", "list"}).Draw(t, "do"),
		Key:   key.Draw(t, "key"),
		Value: rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "value"),
		Stop:  rapid.IntRange(1, 20).Draw(t, "stop"),
		List: actor.ListOptions{
			Prefix:  rapid.SampledFrom([]string{"", "", "a", "hub", "hubbub/", "z/"}).Draw(t, "prefix"),
			End:     bound.Draw(t, "end"),
			Reverse: rapid.Bool().Draw(t, "reverse"),
			Limit:   rapid.IntRange(0, 5).Draw(t, "limit"),
		},
	}
	if rapid.Bool().Draw(t, "after") {
		o.List.StartAfter = bound.Draw(t, "start after")
	} else {
		o.List.Start = bound.Draw(t, "start")
	}
	return o
})

// run does o to the storage and to the model, and compares what they say.
func (o storageOp) run(s actor.Storage, model *entries) error {
	switch o.Do {
	case "put":
		value := []byte(o.Value)
		err := s.Put(o.Key, value)
		clear(value) // it is the caller's own again
		model.put(o.Key, o.Value)
		return err
	case "delete":
		there, err := s.Delete(o.Key)
		if want := model.delete(o.Key); err != nil || there != want {
			return fmt.Errorf("Delete(%q) = %v, %v; want %v", o.Key, there, err, want)
		}
		return nil
	case "get":
		value, there, err := s.Get(o.Key)
		i, want := model.find(o.Key)
		if err != nil || there != want || there && string(value) != (*model)[i].value {
			return fmt.Errorf("Get(%q) = %q, %v, %v of %q", o.Key, value, there, err, *model)
		}
		clear(value) // it is the caller's own
		return nil
	}
	got := entries{}
	err := s.List(o.List, func(key string, value []byte) bool {
		got = append(got, entry{key, string(value)})
		clear(value)
		return len(got) < o.Stop
	})
	want := model.list(o.List)
	if want = want[:min(o.Stop, len(want))]; err != nil || !slices.Equal(got, want) {
		return fmt.Errorf("List(%+v) = %q, %v; want %q", o.List, got, err, want)
	}
	return nil
}

// Two hubs do not share storage.
func TestStorageOfEachHub(t *testing.T) {
	w := newWorld(t)
	w.turn("a", func(t *actor.Turn) error { return t.Storage().Put("k", []byte("a")) })
	w.turn("b", func(turn *actor.Turn) error {
		_, ok, err := turn.Storage().Get("k")
		assert.False(t, ok)
		return err
	})
}
