package storage

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/ncruces/go-sqlite3"
)

// Failures of the disk. They arrive wrapped, with the operation and the hub; use [errors.Is].
var (
	// ErrFull means that the disk or the quota is exhausted. The transaction is as it was before the failed
	// operation, or, after a failed commit, rolled back. The hub stays readable.
	ErrFull = errors.New("storage: disk full")
	// ErrIO means that the operating system failed to open, read, write or sync a file.
	ErrIO = errors.New("storage: input/output error")
	// ErrCorrupt means that the database is damaged. After the transaction the connection is closed; the next use
	// examines the whole file and sets it aside if the damage is confirmed.
	ErrCorrupt = errors.New("storage: database damaged")
)

// Refusals: the caller asked for something that is not possible.
var (
	// ErrName means that a class is not a Go identifier, or that a hub's name is not 1–256 bytes of UTF-8 without
	// control characters.
	ErrName = errors.New("storage: invalid hub name")
	// ErrKey means that a key is not UTF-8 or is longer than [MaxKey].
	ErrKey = errors.New("storage: invalid key")
	// ErrTooLarge means that key and value together exceed [MaxEntry].
	ErrTooLarge = errors.New("storage: value too large")
	// ErrListOptions means that [ListOptions] contradict themselves.
	ErrListOptions = errors.New("storage: invalid list options")
	// ErrLocked means that another runner owns the folder; see [LockedError].
	ErrLocked = errors.New("storage: folder in use")
	// ErrNewer means that a newer release wrote the database. It is left untouched.
	ErrNewer = errors.New("storage: database written by a newer release")
	// ErrForeign means that the file is a sound SQLite database, but not this hub's. It is left untouched.
	ErrForeign = errors.New("storage: not this hub's database")
	// ErrClosed means that the [Store] is closed.
	ErrClosed = errors.New("storage: store closed")
	// ErrTransaction means that a call does not fit the state of the transaction, such as a write outside of one.
	ErrTransaction = errors.New("storage: wrong transaction state")
	// ErrListing means that a hub's database was used from within the callback of its own [DB.List].
	ErrListing = errors.New("storage: database used while it is being listed")
)

// LockedError reports that another process, or another [Store] of this one, owns the folder. It matches [ErrLocked].
type LockedError struct {
	Dir string
	// PID is the process that holds the lock, 0 when it could not be told.
	PID int
}

func (e *LockedError) Error() string {
	if e.PID == 0 {
		return fmt.Sprintf("%v: %s", ErrLocked, e.Dir)
	}
	return fmt.Sprintf("%v: %s is held by process %d", ErrLocked, e.Dir, e.PID)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// classify adds the sentinel that a caller can decide on to an error of SQLite or of the operating system.
func classify(err error) error {
	if err == nil {
		return nil
	}
	switch {
	case errors.Is(err, ErrFull), errors.Is(err, ErrIO), errors.Is(err, ErrCorrupt):
		return err
	// A full disk shows up as an I/O error where SQLite did not ask for space, as in a sync.
	case errors.Is(err, sqlite3.FULL), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("%w: %w", ErrFull, err)
	case errors.Is(err, sqlite3.CORRUPT), errors.Is(err, sqlite3.NOTADB):
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	case errors.Is(err, sqlite3.IOERR), errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.READONLY),
		errors.Is(err, sqlite3.PERM), errors.Is(err, sqlite3.PROTOCOL):
		return fmt.Errorf("%w: %w", ErrIO, err)
	}
	if _, ok := errors.AsType[syscall.Errno](err); ok {
		return fmt.Errorf("%w: %w", ErrIO, err)
	}
	return err
}
