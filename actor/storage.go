package actor

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Storage is a hub's durable state: values of bytes under keys of text, kept across sleep, crash and deploy. Reads see
// the turn's own writes; writes become durable together when the turn succeeds, and vanish when it fails.
//
// The host implements it for the hub whose turn runs, with the semantics of the synchronous KV API of a SQLite-backed
// Durable Object (https://developers.cloudflare.com/durable-objects/api/sqlite-storage-api/#synchronous-kv-api).
type Storage interface {
	// Get returns the value under key and whether there is one. The value is the caller's own.
	Get(key string) (value []byte, ok bool, err error)
	// Put sets the value under key.
	Put(key string, value []byte) error
	// Delete removes key and reports whether it was there.
	Delete(key string) (bool, error)
	// List calls yield for the entries that opts selects, in order of the keys' UTF-8 bytes, until it returns false.
	// Between its first and last call, yield must not write.
	List(opts ListOptions, yield func(key string, value []byte) bool) error
}

// ListOptions selects entries of a [Storage]; the zero value selects all.
type ListOptions struct {
	Prefix     string // only keys that begin with it
	Start      string // only keys from it on
	StartAfter string // only keys behind it; not together with Start
	End        string // only keys before it
	Reverse    bool   // from the last key to the first
	Limit      int    // at most so many; 0 for no limit
}

// Bounds of storage, the platform's own (https://developers.cloudflare.com/durable-objects/platform/limits/).
const (
	MaxKey   = 2048    // bytes of a key
	MaxEntry = 2 << 20 // bytes of key and value together
)

// Errors of storage.
var (
	// ErrKey: a key is empty, longer than [MaxKey], not UTF-8, or begins with the prefix "hubbub/", which is the
	// engine's own.
	ErrKey = errors.New("actor: invalid storage key")
	// ErrTooLarge: key and value have more than [MaxEntry] bytes.
	ErrTooLarge = errors.New("actor: storage entry too large")
	// ErrStorage: the host could not read or write. The turn fails with it, whatever hub code does about it.
	ErrStorage = errors.New("actor: storage failed")
)

// reserved is the prefix of the engine's own keys, such as those of the event log.
const reserved = "hubbub/"

// watched is the host's storage, and remembers its first failure: a turn whose write failed must not succeed, also when
// hub code has not looked at the error.
type watched struct {
	Storage
	failed *error
}

func (s watched) note(err error) error {
	if *s.failed == nil {
		*s.failed = err
	}
	return err
}

func (s watched) Get(key string) ([]byte, bool, error) {
	value, ok, err := s.Storage.Get(key)
	return value, ok, s.note(err)
}

func (s watched) Put(key string, value []byte) error { return s.note(s.Storage.Put(key, value)) }

func (s watched) Delete(key string) (bool, error) {
	existed, err := s.Storage.Delete(key)
	return existed, s.note(err)
}

func (s watched) List(opts ListOptions, yield func(string, []byte) bool) error {
	return s.note(s.Storage.List(opts, yield))
}

// checkedStorage is what hub code sees of the host's storage: the same, with its keys and sizes checked and the
// engine's own keys out of sight.
type checkedStorage struct{ Storage }

func (s checkedStorage) Get(key string) ([]byte, bool, error) {
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	return s.Storage.Get(key)
}

func (s checkedStorage) Put(key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(key)+len(value) > MaxEntry {
		return fmt.Errorf("%w: %q has %d bytes, %d are allowed", ErrTooLarge, key, len(key)+len(value), MaxEntry)
	}
	return s.Storage.Put(key, value)
}

func (s checkedStorage) Delete(key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	return s.Storage.Delete(key)
}

func (s checkedStorage) List(opts ListOptions, yield func(string, []byte) bool) error {
	// The engine's keys lie together, so that a limited listing needs at most that many rows more than asked for;
	// a listing that ends before them or begins behind them, as nearly all do, sees none of them.
	left := opts.Limit
	if left > 0 && mayMeetReserved(opts) {
		opts.Limit = 0
	}
	return s.Storage.List(opts, func(key string, value []byte) bool {
		if strings.HasPrefix(key, reserved) {
			return true
		}
		if !yield(key, value) {
			return false
		}
		left--
		return left != 0
	})
}

func mayMeetReserved(o ListOptions) bool {
	return strings.HasPrefix(reserved, o.Prefix) || strings.HasPrefix(o.Prefix, reserved)
}

func checkKey(key string) error {
	switch {
	case key == "":
		return fmt.Errorf("%w: it is empty", ErrKey)
	case len(key) > MaxKey:
		return fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrKey, len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: it is not UTF-8", ErrKey)
	case strings.HasPrefix(key, reserved):
		return fmt.Errorf("%w: %q begins with %q", ErrKey, key, reserved)
	}
	return nil
}
