package storage

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/ncruces/go-sqlite3"
)

// Limits of a Durable Object's storage, which hold here too.
const (
	// MaxKey is the greatest length of a key in bytes.
	MaxKey = 2048
	// MaxEntry is the greatest length of a key and its value together, in bytes.
	MaxEntry = 2 << 20
)

// keepBound is the size up to which the copy of a value may stay with its statement until the next one.
const keepBound = 16 << 10

// ListOptions select keys for [DB.List]. The zero value selects all. An empty string sets no bound.
type ListOptions struct {
	Start      string // the first key, inclusive
	StartAfter string // the first key, exclusive; not together with Start
	End        string // the last key, exclusive
	Prefix     string // what keys begin with
	Reverse    bool   // greatest key first; the meaning of the bounds does not change
	Limit      int    // how many at most, 0 for all
}

// Get returns the value of a key, which the caller may keep and change, and whether it exists.
func (db *DB) Get(key string) (value []byte, ok bool, err error) {
	if err := db.enter(); err != nil {
		return nil, false, err
	}
	defer db.mu.Unlock()
	value, ok, err = db.get(key)
	return value, ok, db.wrap("get", err)
}

func (db *DB) get(key string) (value []byte, ok bool, err error) {
	if err := checkKey(key); err != nil {
		return nil, false, err
	}
	st, err := db.reader(stmtGet)
	if st == nil || err != nil {
		return nil, false, err
	}
	if err := st.BindText(1, key); err != nil {
		return nil, false, err
	}
	if st.Step() {
		// Not nil for an empty value.
		value, ok = st.ColumnBlob(0, []byte{}), true
	}
	if err := db.note(st.Reset()); err != nil {
		return nil, false, err
	}
	return value, ok, nil
}

// Put sets the value of a key. It fails with [ErrKey] or [ErrTooLarge] beyond the limits, and with [ErrTransaction]
// outside of a transaction.
func (db *DB) Put(key string, value []byte) error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	return db.wrap(OpPut, db.put(key, value))
}

func (db *DB) put(key string, value []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if n := len(key) + len(value); n > MaxEntry {
		return fmt.Errorf("%w: key and value are %d bytes, at most %d are allowed", ErrTooLarge, n, MaxEntry)
	}
	c, err := db.writer(OpPut)
	if err != nil {
		return err
	}
	st, err := c.stmt(stmtPut)
	if err != nil {
		return db.note(err)
	}
	if err := st.BindText(1, key); err != nil {
		return db.note(err)
	}
	if err := st.BindBlob(2, value); err != nil {
		return db.note(err)
	}
	err = db.note(st.Exec())
	if len(value) > keepBound {
		err = errors.Join(err, db.note(st.ClearBindings()))
	}
	return err
}

// Delete removes a key and reports whether it existed. It fails with [ErrTransaction] outside of a transaction.
func (db *DB) Delete(key string) (existed bool, err error) {
	if err := db.enter(); err != nil {
		return false, err
	}
	defer db.mu.Unlock()
	existed, err = db.delete(key)
	return existed, db.wrap(OpDelete, err)
}

func (db *DB) delete(key string) (bool, error) {
	if err := checkKey(key); err != nil {
		return false, err
	}
	// Deleting what is not there must not make a database.
	if st, err := db.reader(stmtGet); st == nil && err == nil && db.tx && db.failed == nil {
		return false, db.store.opts.Fault(OpDelete)
	}
	c, err := db.writer(OpDelete)
	if err != nil {
		return false, err
	}
	st, err := c.stmt(stmtDelete)
	if err != nil {
		return false, db.note(err)
	}
	if err := st.BindText(1, key); err != nil {
		return false, db.note(err)
	}
	if err := db.note(st.Exec()); err != nil {
		return false, err
	}
	return c.Changes() > 0, nil
}

// List calls yield for each selected key in the order of the keys' bytes, until it returns false. The value is valid
// only during the call. While it runs, the hub's database must not be used: that fails with [ErrListing].
func (db *DB) List(opts ListOptions, yield func(key string, value []byte) bool) error {
	if err := db.enter(); err != nil {
		return err
	}
	defer db.mu.Unlock()
	return db.wrap("list", db.list(opts, yield))
}

func (db *DB) list(opts ListOptions, yield func(key string, value []byte) bool) (err error) {
	low, high, err := opts.bounds()
	if err != nil {
		return err
	}
	if high != "" && low >= high {
		return nil
	}
	which, limit := stmtList, int64(-1)
	if opts.Reverse {
		which = stmtListReverse
	}
	if opts.Limit > 0 {
		limit = int64(opts.Limit)
	}
	st, err := db.reader(which)
	if st == nil || err != nil {
		return err
	}
	if err := bindList(st, low, high, limit); err != nil {
		return err
	}
	db.listing = true
	// Deferred, because yield may panic.
	defer func() {
		db.listing = false
		if reset := st.Reset(); err == nil {
			err = db.note(reset)
		}
	}()
	for st.Step() {
		if !yield(st.ColumnText(0), st.ColumnRawBlob(1)) {
			return nil
		}
	}
	return db.note(st.Err())
}

func bindList(st *sqlite3.Stmt, low, high string, limit int64) error {
	if err := st.BindText(1, low); err != nil {
		return err
	}
	// In SQLite's order every blob comes after every text, so the empty blob is above all keys.
	above := st.BindBlob(2, nil)
	if high != "" {
		above = st.BindText(2, high)
	}
	if above != nil {
		return above
	}
	return st.BindInt64(3, limit)
}

// bounds turns the options into low <= key < high, where an empty high is no bound.
func (o ListOptions) bounds() (low, high string, err error) {
	switch {
	case o.Start != "" && o.StartAfter != "":
		return "", "", fmt.Errorf("%w: both Start and StartAfter", ErrListOptions)
	case o.Limit < 0:
		return "", "", fmt.Errorf("%w: limit %d", ErrListOptions, o.Limit)
	}
	for _, s := range []string{o.Start, o.StartAfter, o.End, o.Prefix} {
		if !utf8.ValidString(s) {
			return "", "", fmt.Errorf("%w: %q is not UTF-8", ErrListOptions, s)
		}
	}
	low, high = o.Start, o.End
	if o.StartAfter != "" {
		// No string lies between s and s followed by a zero byte.
		low = o.StartAfter + "\x00"
	}
	if o.Prefix != "" {
		low = max(low, o.Prefix)
		// The least string that is greater than all with the prefix. UTF-8 has no byte 0xFF, so the last byte can
		// always be incremented; that the result may not be UTF-8 does not matter to a comparison of bytes.
		b := []byte(o.Prefix)
		b[len(b)-1]++
		if end := string(b); high == "" || end < high {
			high = end
		}
	}
	return low, high, nil
}

func checkKey(key string) error {
	switch {
	case len(key) > MaxKey:
		return fmt.Errorf("%w: %d bytes, at most %d are allowed", ErrKey, len(key), MaxKey)
	case !utf8.ValidString(key):
		return fmt.Errorf("%w: %q is not UTF-8", ErrKey, key)
	}
	return nil
}

// reader returns a statement to read with, or nil when there is nothing to read.
func (db *DB) reader(s statement) (*sqlite3.Stmt, error) {
	if db.failed != nil {
		return nil, db.failed
	}
	c, err := db.opened(false)
	if c == nil || err != nil || !c.hasSchema {
		return nil, err
	}
	st, err := c.stmt(s)
	return st, db.note(err)
}

// writer makes real what Begin and Savepoint announced.
func (db *DB) writer(op string) (*conn, error) {
	switch {
	case !db.tx:
		return nil, errNoTransaction
	case db.failed != nil:
		return nil, db.failed
	}
	if err := db.store.opts.Fault(op); err != nil {
		return nil, err
	}
	c, err := db.opened(true)
	if err != nil {
		return nil, err
	}
	if !db.began {
		if err := db.note(c.run(stmtBegin)); err != nil {
			return nil, err
		}
		db.began = true
	}
	if !c.hasSchema {
		db.created = true
		if err := db.note(c.createSchema(db)); err != nil {
			// Half a schema may be there, so the transaction is lost.
			db.failed = err
			return nil, err
		}
		c.hasSchema = true
	}
	for db.live < db.levels {
		if err := db.note(c.run(stmtSavepoint)); err != nil {
			return nil, err
		}
		db.live++
	}
	return c, nil
}
