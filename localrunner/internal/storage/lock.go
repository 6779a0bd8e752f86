package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

const (
	lockFile = "runner.lock"
	// pidOffset is where SQLite's file format keeps user_version, 4 bytes, big-endian.
	pidOffset = 60
)

// lockDir takes the lock of the folder; closing the connection gives it back, and so does the end of the process.
//
// The lock is SQLite's own, on an empty database: it is the one kind of file lock that the driver already provides on
// every system. The owner's process id is that database's user_version, which others can read despite the lock.
func lockDir(dir string) (*sqlite3.Conn, error) {
	path := filepath.Join(dir, lockFile)
	c, err := sqlite3.Open(path)
	if err != nil {
		return nil, fmt.Errorf("storage: lock %s: %w", dir, classify(err))
	}
	// In exclusive locking mode the lock of the first write is kept until the connection closes.
	err = c.Exec(fmt.Sprintf(`
		PRAGMA locking_mode=EXCLUSIVE;
		PRAGMA journal_mode=MEMORY;
		PRAGMA synchronous=OFF;
		BEGIN EXCLUSIVE;
		PRAGMA user_version=%d;
		COMMIT`, int32(os.Getpid())))
	if err == nil {
		return c, nil
	}
	busy := errors.Is(err, sqlite3.BUSY)
	err = errors.Join(err, c.Close())
	if busy {
		return nil, &LockedError{Dir: dir, PID: lockOwner(path)}
	}
	return nil, fmt.Errorf("storage: lock %s: %w", dir, classify(err))
}

// lockOwner reads the process id of the owner, 0 when the owner has not written it yet.
func lockOwner(path string) int {
	f, err := os.Open(path)
	if err != nil {
		return 0
	}
	defer f.Close()
	var b [4]byte
	if _, err := f.ReadAt(b[:], pidOffset); err != nil {
		return 0
	}
	return int(int32(binary.BigEndian.Uint32(b[:])))
}
