package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3/vfs/memdb"
)

// DB is the database of one hub. One goroutine at a time uses a DB; different ones may be used concurrently.
//
// Reads are allowed at any time and see what the transaction wrote so far. Writes need a transaction.
type DB struct {
	store       *Store
	class, name string
	invalid     error         // why class and name address no hub
	used        atomic.Uint64 // when, by the store's clock
	listing     bool          // touched by the hub's own goroutine only, hence outside of mu

	mu      sync.Mutex // also taken by the store, to close an idle connection
	conn    *conn      // nil when asleep
	file    fileState
	suspect bool // the database was found damaged in use, so the next connection examines it

	tx      bool  // between Begin and Commit or Rollback
	began   bool  // SQLite's transaction has begun, that is, something was written
	created bool  // the transaction made the schema
	failed  error // SQLite gave the whole transaction up, for this reason
	levels  int   // open savepoints
	live    int   // those of them, the outermost, that SQLite knows: the rest has not written yet
}

// fileState says whether a database exists, so that a hub that was never written is read without asking the disk.
type fileState byte

const (
	fileUnknown fileState = iota
	fileAbsent
	filePresent
)

// Begin starts a transaction. Nothing happens on disk before the first write in it.
func (db *DB) Begin() error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	if db.tx {
		return db.wrap("begin", fmt.Errorf("%w: a transaction is open", ErrTransaction))
	}
	db.tx = true
	return nil
}

// Commit makes the transaction durable: when it returns nil, the writes survive a crash. On an error everything since
// [DB.Begin] is rolled back. Either way the transaction is over, unless a savepoint is still open, which is refused.
func (db *DB) Commit() error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	switch {
	case !db.tx:
		return db.wrap("commit", errNoTransaction)
	case db.levels > 0:
		return db.wrap("commit", fmt.Errorf("%w: a savepoint is open", ErrTransaction))
	}
	err := db.commit()
	if err != nil {
		db.rollback()
	}
	db.end()
	return db.wrap("commit", err)
}

var errNoTransaction = fmt.Errorf("%w: no transaction is open", ErrTransaction)

func (db *DB) commit() error {
	switch {
	case db.failed != nil:
		return db.failed
	case db.suspect:
		// The file will be set aside: nothing that is answered may lie in it, and whoever has read it must read anew.
		return fmt.Errorf("%w: it was found in the transaction", ErrCorrupt)
	case !db.began:
		return nil
	}
	if err := db.store.opts.Fault(OpCommit); err != nil {
		return err
	}
	if !db.conn.dirSynced && !db.store.opts.MemoryOnly {
		// This connection made a new log, and perhaps the database, and neither may vanish in a crash of the machine.
		// The driver's file layer syncs the files only.
		if err := syncDir(db.dir()); err != nil {
			return err
		}
		db.conn.dirSynced = true
	}
	err := db.note(db.conn.run(stmtCommit))
	db.conn.commitFailed = err != nil
	return err
}

// Rollback undoes everything since [DB.Begin], open savepoints included.
func (db *DB) Rollback() error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	if !db.tx {
		return db.wrap("rollback", errNoTransaction)
	}
	db.rollback()
	db.end()
	return nil
}

// rollback leaves the database as it was before the transaction, if need be by closing the connection: the next one
// finds what was committed.
func (db *DB) rollback() {
	if !db.began || db.conn == nil {
		return
	}
	if !db.conn.GetAutocommit() {
		if err := db.conn.run(stmtRollback); err != nil {
			db.store.opts.Report(db.wrap("rollback", err).Error())
		}
	}
	if !db.conn.GetAutocommit() {
		db.dropConn("after a failed rollback")
		return
	}
	if db.created {
		db.conn.hasSchema = false
	}
	if db.conn.commitFailed && !db.store.opts.MemoryOnly {
		if err := db.conn.cutLog(db.path() + "-wal"); err != nil {
			db.store.opts.Report(db.wrap("cut the log of", err).Error())
		}
		db.conn.commitFailed = false
	}
}

// end leaves the transaction.
func (db *DB) end() {
	db.tx, db.began, db.created, db.failed, db.levels, db.live = false, false, false, nil, 0, 0
	if db.suspect {
		db.dropConn("after damage was found")
	}
	// More hubs than the bound may have been in transactions at once.
	db.store.trim()
}

// Savepoint starts a turn inside the transaction. Savepoints nest. Nothing happens before the first write in it.
func (db *DB) Savepoint() error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	if !db.tx {
		return db.wrap("savepoint", errNoTransaction)
	}
	db.levels++
	return nil
}

// Release ends the innermost savepoint and keeps its writes, as part of what is around it.
func (db *DB) Release() error {
	return db.endSavepoint("release", stmtRelease)
}

// RollbackTo undoes everything since the innermost [DB.Savepoint] and ends that savepoint, so that a turn is ended by
// exactly one of Release and RollbackTo.
func (db *DB) RollbackTo() error {
	return db.endSavepoint("roll back to savepoint", stmtRollbackTo, stmtRelease)
}

func (db *DB) endSavepoint(op string, statements ...statement) error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	if db.levels == 0 {
		return db.wrap(op, fmt.Errorf("%w: no savepoint is open", ErrTransaction))
	}
	started := db.live == db.levels
	db.levels--
	if db.failed != nil {
		return db.wrap(op, db.failed)
	}
	if !started {
		return nil
	}
	db.live--
	for _, s := range statements {
		if err := db.note(db.conn.run(s)); err != nil {
			// What belongs to which turn is not certain any more: only all or nothing is left, and that is nothing.
			db.failed = err
			return db.wrap(op, err)
		}
	}
	return nil
}

// Close gives up the connection, as when the hub sleeps; the next use opens another one. It fails inside a
// transaction. In memory the data stays until [Store.Close].
func (db *DB) Close() error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	if db.tx {
		return db.wrap("close", fmt.Errorf("%w: a transaction is open", ErrTransaction))
	}
	return db.wrap("close", db.closeConn())
}

// enter starts a call. When it succeeds, the mutex is held.
func (db *DB) enter() error {
	switch {
	case db.invalid != nil:
		return db.invalid
	case db.listing:
		return db.wrap("use", ErrListing)
	}
	db.mu.Lock()
	if db.store.closed.Load() {
		db.mu.Unlock()
		return ErrClosed
	}
	if !db.tx {
		db.used.Store(db.store.clock.Add(1))
	}
	return nil
}

// opened returns the connection. It is nil when nothing was ever written and create is false.
func (db *DB) opened(create bool) (*conn, error) {
	if db.conn != nil {
		return db.conn, nil
	}
	if err := db.find(); err != nil {
		return nil, err
	}
	if db.file == fileAbsent {
		if !create {
			return nil, nil
		}
		if db.store.opts.MemoryOnly {
			memdb.Create(db.memoryName(), nil)
			db.file = filePresent
		}
	}
	db.store.reserve(db)
	c, err := db.connect()
	if err != nil && errors.Is(classify(err), ErrCorrupt) && !db.store.opts.MemoryOnly {
		var aside string
		if aside, err = db.setAside(err); err == nil {
			db.store.opts.Report(fmt.Sprintf("storage: the database of %s was damaged; it was set aside as %s "+
				"and the hub starts empty", db.label(), aside))
			if !create {
				db.store.release(db)
				return nil, nil
			}
			c, err = db.connect()
		}
	}
	if err != nil {
		db.store.release(db)
		return nil, err
	}
	db.conn, db.file = c, filePresent
	return c, nil
}

// setAside moves the database away because of damage.
func (db *DB) setAside(damage error) (string, error) {
	aside, err := setAside(db.path())
	if err != nil {
		return "", errors.Join(damage, err)
	}
	db.file, db.suspect = fileAbsent, false
	return aside, nil
}

// find learns whether the database exists. The folder is locked, so the answer holds.
func (db *DB) find() error {
	if db.file != fileUnknown {
		return nil
	}
	if db.store.opts.MemoryOnly {
		db.file = fileAbsent
		return nil
	}
	switch _, err := os.Stat(db.path()); {
	case err == nil:
		db.file = filePresent
	case errors.Is(err, fs.ErrNotExist):
		db.file = fileAbsent
	default:
		return err
	}
	return nil
}

// closeConn closes the connection, if there is one. SQLite then writes the log back into the database.
func (db *DB) closeConn() error {
	if db.conn == nil {
		return nil
	}
	c := db.conn
	db.conn = nil
	db.store.release(db)
	return c.close()
}

func (db *DB) dropConn(why string) {
	if err := db.closeConn(); err != nil {
		db.store.opts.Report(db.wrap("close "+why, err).Error())
	}
}

// note looks at the outcome of a statement inside a transaction.
func (db *DB) note(err error) error {
	if err == nil {
		return nil
	}
	err = classify(err)
	if errors.Is(err, ErrCorrupt) {
		db.suspect = true
	}
	// Some failures, such as a full disk, may end the whole transaction and not only the statement.
	if db.began && db.conn.GetAutocommit() {
		db.failed = err
	}
	return err
}

// wrap says where an error happened.
func (db *DB) wrap(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("storage: %s %s: %w", op, db.label(), classify(err))
}

func (db *DB) label() string { return fmt.Sprintf("%s/%q", db.class, db.name) }

func (db *DB) path() string { return db.store.dbPath(db.class, db.name) }

func (db *DB) dir() string { return db.store.classDir(db.class) }

func (db *DB) memoryName() string {
	return db.store.prefix + fileName(db.class) + "/" + fileName(db.name)
}
