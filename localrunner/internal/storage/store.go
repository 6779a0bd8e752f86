package storage

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs/memdb"
)

// DefaultMaxOpen is how many connections stay open when [Options.MaxOpen] is 0.
const DefaultMaxOpen = 256

// Operations that [Options.Fault] is asked about.
const (
	OpPut    = "put"
	OpDelete = "delete"
	OpCommit = "commit"
)

// Options configure a [Store]. The zero value is the default.
type Options struct {
	// MemoryOnly keeps everything in memory: the folder is neither read nor made, nothing is locked, and the data
	// lives until [Store.Close]. A hub that was written takes at least 64 KiB.
	MemoryOnly bool
	// MaxOpen bounds the connections that are open at once, [DefaultMaxOpen] when 0. The least recently used hub
	// that is not in a transaction is closed to make room; more hubs than this in a transaction at once exceed it.
	MaxOpen int
	// Report is told, in one line each, what a person should know and no caller is told: a damaged file that was
	// set aside. It may be called from any goroutine that uses a hub. Nil logs a warning with [slog].
	Report func(message string)
	// Fault makes storage fail in tests: it is called with an Op constant before each write and before each commit
	// that has something to commit, and an error from it is what that operation fails with. It may be called
	// concurrently for different hubs and must not use the store.
	Fault func(op string) error

	// vfs names another registered file layer, for tests of failing disks.
	vfs string
}

// Store is a folder of hubs' databases, or its like in memory. Its methods may be called concurrently.
type Store struct {
	dir    string
	opts   Options
	lock   *sqlite3.Conn
	prefix string        // of the names of memory databases, which are global to the process
	clock  atomic.Uint64 // orders uses of hubs
	closed atomic.Bool

	mu   sync.Mutex
	hubs map[hubKey]*DB
	open map[*DB]struct{} // those with a connection, or about to have one
}

type hubKey struct{ class, name string }

// storeSeq tells stores in one process apart.
var storeSeq atomic.Uint64

// Open opens the store in dir, which is made if it is missing, and locks it against other runners: the error is then
// a [LockedError].
func Open(dir string, opts Options) (*Store, error) {
	if opts.MaxOpen < 0 {
		return nil, fmt.Errorf("storage: MaxOpen is %d, want 0 or more", opts.MaxOpen)
	}
	if opts.MaxOpen == 0 {
		opts.MaxOpen = DefaultMaxOpen
	}
	if opts.Report == nil {
		opts.Report = func(message string) { slog.Warn(message) }
	}
	if opts.Fault == nil {
		opts.Fault = func(string) error { return nil }
	}
	s := &Store{
		opts:   opts,
		prefix: fmt.Sprintf("hubbub-%d/", storeSeq.Add(1)),
		hubs:   make(map[hubKey]*DB),
		open:   make(map[*DB]struct{}),
	}
	if opts.MemoryOnly {
		return s, nil
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("storage: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("storage: %w", classify(err))
	}
	s.dir = dir
	if s.lock, err = lockDir(dir); err != nil {
		return nil, err
	}
	return s, nil
}

// Hub returns the database of a hub, always the same one for the same class and name. It opens nothing. When class
// or name cannot address a hub, every method of the result fails with [ErrName].
func (s *Store) Hub(class, name string) *DB {
	k := hubKey{class, name}
	s.mu.Lock()
	defer s.mu.Unlock()
	db := s.hubs[k]
	if db == nil {
		db = &DB{store: s, class: class, name: name, invalid: checkName(class, name)}
		if db.invalid != nil {
			return db
		}
		s.hubs[k] = db
	}
	return db
}

// Forget gives up what the store remembers of a hub whose database is closed. db must not be used any more; [Store.Hub]
// makes another one. What is kept in memory only stays.
func (s *Store) Forget(db *DB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := hubKey{db.class, db.name}
	if _, open := s.open[db]; !open && !s.opts.MemoryOnly && s.hubs[key] == db {
		delete(s.hubs, key)
	}
}

// Close rolls back what is not committed, writes each log back into its database, closes everything and gives up
// the lock. It waits for calls that are under way. Later calls of any method fail with [ErrClosed]; a second Close
// does nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.mu.Lock()
	hubs := s.hubs
	s.hubs = make(map[hubKey]*DB)
	s.mu.Unlock()

	var errs []error
	for _, db := range hubs {
		db.mu.Lock()
		if db.tx {
			db.rollback()
			db.end()
		}
		errs = append(errs, db.wrap("close", db.closeConn()))
		if s.opts.MemoryOnly && db.file == filePresent {
			memdb.Delete(db.memoryName())
		}
		db.mu.Unlock()
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// reserve makes room for a connection of db, whose mutex the caller holds.
func (s *Store) reserve(db *DB) {
	s.mu.Lock()
	s.open[db] = struct{}{}
	s.mu.Unlock()
	s.trim()
}

// release tells that db has no connection any more.
func (s *Store) release(db *DB) {
	s.mu.Lock()
	delete(s.open, db)
	s.mu.Unlock()
}

// trim closes least recently used connections until the bound is kept or all that are left are in use.
//
// Lock order: a goroutine may hold its own hub's mutex, then takes the store's, and only tries the others' mutexes,
// so that it never waits in a circle.
func (s *Store) trim() {
	for {
		victim := s.pickIdle()
		if victim == nil {
			return
		}
		// The log is written back here, outside of the store's mutex, because that is slow.
		err := victim.closeConn()
		victim.mu.Unlock()
		if err != nil {
			// Nothing that was committed is lost by it: it is in the log.
			s.opts.Report(victim.wrap("close idle", err).Error())
		}
	}
}

// pickIdle returns the least recently used idle hub, with its mutex held, or nil when the bound is kept.
func (s *Store) pickIdle() *DB {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) <= s.opts.MaxOpen {
		return nil
	}
	var best *DB
	for db := range s.open {
		if best != nil && db.used.Load() >= best.used.Load() || !db.mu.TryLock() {
			continue
		}
		if db.tx || db.conn == nil {
			db.mu.Unlock()
			continue
		}
		if best != nil {
			best.mu.Unlock()
		}
		best = db
	}
	return best
}

// dbPath is where a hub's database lies.
func (s *Store) dbPath(class, name string) string {
	return filepath.Join(s.classDir(class), fileName(name)+".sqlite")
}

func (s *Store) classDir(class string) string {
	return filepath.Join(s.dir, fileName(class))
}
