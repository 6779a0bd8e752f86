package storage

import (
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/ncruces/go-sqlite3"
)

const (
	// applicationID marks our databases in SQLite's header ("HUBB"), so that file(1) and we know them.
	applicationID = 0x48554242
	// schemaVersion is the header's user_version.
	schemaVersion = 1

	// Our tables are named so that a hub's own, later, do not meet them.
	schema = `
		CREATE TABLE _hubbub_meta (class TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (class, name))
			WITHOUT ROWID, STRICT;
		CREATE TABLE _hubbub_kv (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID, STRICT;
		PRAGMA application_id = 0x48554242;
		PRAGMA user_version = 1;`

	// The folder is locked, so each database has one user: exclusive locking halves the time to open and saves the
	// shared-memory file. A cache of 256 KiB is what a hub's hot keys need, times hundreds of open hubs.
	pragmas = `
		PRAGMA locking_mode = EXCLUSIVE;
		PRAGMA synchronous = FULL;
		PRAGMA cache_size = -256;`

	// Sizes of https://sqlite.org/fileformat2.html#the_write_ahead_log.
	walHeader      = 32
	walFrameHeader = 24

	// busyTimeout is for another program that looks into a database while its hub wakes.
	busyTimeout = 2 * time.Second
)

// statement names one of the prepared statements that a connection caches.
type statement int

const (
	stmtBegin statement = iota
	stmtCommit
	stmtRollback
	stmtSavepoint
	stmtRelease
	stmtRollbackTo
	stmtGet
	stmtPut
	stmtDelete
	stmtList
	stmtListReverse
	statementCount
)

var statementSQL = [statementCount]string{
	stmtBegin:    `BEGIN IMMEDIATE`,
	stmtCommit:   `COMMIT`,
	stmtRollback: `ROLLBACK`,
	// Nested savepoints of one name are legal: RELEASE and ROLLBACK TO mean the innermost.
	stmtSavepoint:   `SAVEPOINT turn`,
	stmtRelease:     `RELEASE turn`,
	stmtRollbackTo:  `ROLLBACK TO turn`,
	stmtGet:         `SELECT value FROM _hubbub_kv WHERE key = ?1`,
	stmtPut:         `INSERT INTO _hubbub_kv VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value`,
	stmtDelete:      `DELETE FROM _hubbub_kv WHERE key = ?1`,
	stmtList:        `SELECT key, value FROM _hubbub_kv WHERE key >= ?1 AND key < ?2 ORDER BY key LIMIT ?3`,
	stmtListReverse: `SELECT key, value FROM _hubbub_kv WHERE key >= ?1 AND key < ?2 ORDER BY key DESC LIMIT ?3`,
}

// conn is an open database and its prepared statements.
type conn struct {
	*sqlite3.Conn
	stmts     [statementCount]*sqlite3.Stmt
	hasSchema bool // also true when only the open transaction has made it
	dirSynced bool
	// commitFailed means that the log may hold frames of a transaction that was refused.
	commitFailed bool
}

// stmt prepares a statement at its first use.
func (c *conn) stmt(s statement) (*sqlite3.Stmt, error) {
	if st := c.stmts[s]; st != nil {
		return st, nil
	}
	st, _, err := c.PrepareFlags(statementSQL[s], sqlite3.PREPARE_PERSISTENT)
	if err != nil {
		return nil, err
	}
	c.stmts[s] = st
	return st, nil
}

func (c *conn) run(s statement) error {
	st, err := c.stmt(s)
	if err != nil {
		return err
	}
	return st.Exec()
}

// close finalizes the statements, without which SQLite would keep the file open.
func (c *conn) close() error {
	for _, st := range c.stmts {
		if st != nil {
			// Closing a statement repeats the error of its last run, which its caller has already had.
			_ = st.Close()
		}
	}
	return c.Conn.Close()
}

// connect opens the database of db, making it when it is missing.
func (db *DB) connect() (*conn, error) {
	s := db.store
	name, journal := "", "WAL"
	if s.opts.MemoryOnly {
		name, journal = fileURI("/"+db.memoryName(), "memdb"), "MEMORY"
	} else {
		name = s.dbPath(db.class, db.name)
		if db.file == fileAbsent {
			if err := makeDir(filepath.Dir(name)); err != nil {
				return nil, err
			}
		}
		if s.opts.vfs != "" {
			name = fileURI(filepath.ToSlash(name), s.opts.vfs)
		}
	}
	sc, err := sqlite3.Open(name)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: sc}
	if err := c.setUp(db, journal); err != nil {
		// An error of closing adds nothing to why it could not be used.
		_ = c.close()
		return nil, err
	}
	return c, nil
}

// setUp configures the connection and makes sure that the database is sound and this hub's. It changes nothing before
// that is known.
func (c *conn) setUp(db *DB, journal string) error {
	if err := c.BusyTimeout(busyTimeout); err != nil {
		return err
	}
	if err := c.Exec(pragmas); err != nil {
		return err
	}
	app, err := c.queryInt(`PRAGMA application_id`)
	if err != nil {
		return err
	}
	version, err := c.queryInt(`PRAGMA user_version`)
	if err != nil {
		return err
	}
	tables, err := c.queryInt(`SELECT count(*) FROM sqlite_schema`)
	if err != nil {
		return err
	}
	switch {
	case app == 0 && version == 0 && tables == 0:
		// New, or the process died before its first commit.
	case app != applicationID:
		return fmt.Errorf("%w: its application id is %#x", ErrForeign, uint32(app))
	case version > schemaVersion:
		return fmt.Errorf("%w: its version is %d, this program knows %d", ErrNewer, version, schemaVersion)
	default:
		if err := c.checkOwner(db); err != nil {
			return err
		}
		c.hasSchema = true
	}
	if db.suspect {
		if err := c.examine(); err != nil {
			return err
		}
		db.suspect = false
	}
	return c.Exec(`PRAGMA journal_mode = ` + journal)
}

// checkOwner tells a file that was copied or renamed by hand.
func (c *conn) checkOwner(db *DB) error {
	var class, name string
	err := c.query(`SELECT class, name FROM _hubbub_meta`, func(st *sqlite3.Stmt) {
		class, name = st.ColumnText(0), st.ColumnText(1)
	})
	if err != nil {
		return err
	}
	if class != db.class || name != db.name {
		return fmt.Errorf("%w: it belongs to %s/%q", ErrForeign, class, name)
	}
	return nil
}

// examine reads the whole database.
func (c *conn) examine() error {
	verdict := ""
	err := c.query(`PRAGMA quick_check(1)`, func(st *sqlite3.Stmt) { verdict = st.ColumnText(0) })
	if err == nil && verdict != "ok" {
		err = fmt.Errorf("%w: %s", ErrCorrupt, verdict)
	}
	return err
}

// createSchema runs inside the first transaction that writes.
func (c *conn) createSchema(db *DB) error {
	if err := c.Exec(schema); err != nil {
		return err
	}
	st, _, err := c.Prepare(`INSERT INTO _hubbub_meta VALUES (?1, ?2)`)
	if err != nil {
		return err
	}
	return errors.Join(st.BindText(1, db.class), st.BindText(2, db.name), st.Exec(), st.Close())
}

// cutLog removes what a failed commit left in the log. When only the sync failed, the whole transaction lies there:
// SQLite has forgotten it, but after a crash it would find it and take it for committed.
func (c *conn) cutLog(path string) error {
	// The frames that SQLite knows; it appends the next one right behind them.
	frames, _, err := c.WALCheckpoint("main", sqlite3.CHECKPOINT_NOOP)
	if err != nil {
		return err
	}
	if frames < 0 {
		return errors.New("its length is not known")
	}
	pageSize, err := c.queryInt(`PRAGMA page_size`)
	if err != nil {
		return err
	}
	size := int64(0)
	if frames > 0 {
		size = walHeader + int64(frames)*(walFrameHeader+pageSize)
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() <= size {
		return err
	}
	return os.Truncate(path, size)
}

// query runs a statement once and calls row for each of its rows.
func (c *conn) query(sql string, row func(*sqlite3.Stmt)) error {
	st, _, err := c.Prepare(sql)
	if err != nil {
		return err
	}
	for st.Step() {
		row(st)
	}
	return errors.Join(st.Err(), st.Close())
}

func (c *conn) queryInt(sql string) (n int64, err error) {
	err = c.query(sql, func(st *sqlite3.Stmt) { n = st.ColumnInt64(0) })
	return n, err
}

// setAside renames a damaged database and its log, so that a person can still look into them, and returns the new
// name.
func setAside(path string) (string, error) {
	stamp := path + ".damaged-" + time.Now().UTC().Format("20060102T150405.000Z")
	target := stamp
	for n := 2; ; n++ {
		if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
			break
		}
		target = fmt.Sprintf("%s-%d", stamp, n)
	}
	// The log first: a database without its log is merely old, but a log beside a new database would be applied.
	for _, suffix := range []string{"-wal", "-journal", ""} {
		err := os.Rename(path+suffix, target+suffix)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
	}
	return target, syncDir(filepath.Dir(path))
}

// makeDir makes the folder of a class, durably.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return syncDir(filepath.Dir(dir))
}

// fileURI names a database in a file layer other than the default.
func fileURI(path, vfs string) string {
	if path[0] != '/' { // C:/…
		path = "/" + path
	}
	u := url.URL{Scheme: "file", Path: path, RawQuery: "vfs=" + vfs}
	return u.String()
}

// syncDir makes new and renamed entries of a folder durable, which syncing the files themselves does not promise.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil // A folder cannot be synced there, and need not be.
	}
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
