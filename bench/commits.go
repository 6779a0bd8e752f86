package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/loadgen"
	"github.com/ncruces/go-sqlite3"
)

// committer commits events one by one, in a database set up as the local runner sets up those of its hubs (see package
// localrunner/internal/storage). The table is the cheapest there is to append to, so that the commit is what counts.
type committer struct {
	db                    *sqlite3.Conn
	begin, insert, commit *sqlite3.Stmt
}

func newCommitter(file string) (c *committer, err error) {
	db, err := sqlite3.Open(file)
	if err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	}
	c = &committer{db: db}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("bench: commits: %w", err), c.close())
		}
	}()
	if err := db.Exec(`
		PRAGMA locking_mode = EXCLUSIVE;
		PRAGMA synchronous = FULL;
		PRAGMA cache_size = -256;
		PRAGMA journal_mode = WAL;
		CREATE TABLE event (seq INTEGER PRIMARY KEY, data BLOB NOT NULL) STRICT`); err != nil {
		return nil, err
	}
	// SQLite does not fail a PRAGMA that it cannot follow.
	for pragma, want := range map[string]string{"locking_mode": "exclusive", "synchronous": "2", "journal_mode": "wal"} {
		if got, err := c.text(`PRAGMA ` + pragma); err != nil || got != want {
			return nil, errors.Join(fmt.Errorf("%s is %q, want %q", pragma, got, want), err)
		}
	}
	for sql, stmt := range map[string]**sqlite3.Stmt{
		`BEGIN IMMEDIATE`:                      &c.begin,
		`INSERT INTO event (data) VALUES (?1)`: &c.insert,
		`COMMIT`:                               &c.commit,
	} {
		if *stmt, _, err = db.PrepareFlags(sql, sqlite3.PREPARE_PERSISTENT); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// run commits events until duration after warmup. Events differ: SQLite would not write a page that stays as it was.
func (c *committer) run(ctx context.Context, warmup, duration time.Duration) (*loadgen.Requests, error) {
	r := &loadgen.Requests{Latencies: loadgen.NewHistogram()}
	data := make([]byte, 0, eventSize)
	from := time.Now().Add(warmup)
	for began := time.Now(); ; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		data = fmt.Appendf(data[:0], "%0*x", eventSize, began.UnixNano())
		if err := c.event(data); err != nil {
			return nil, fmt.Errorf("bench: commit: %w", err)
		}
		r.Total++
		now := time.Now()
		if began.Before(from) {
			began = now
			continue
		}
		r.Count++
		r.Latencies.Record(now.Sub(began))
		began = now
		if took := now.Sub(from); took >= duration {
			r.Duration = took
			return r, nil
		}
	}
}

// event commits one.
func (c *committer) event(data []byte) error {
	if err := c.begin.Exec(); err != nil {
		return err
	}
	if err := errors.Join(c.insert.BindBlob(1, data), c.insert.Exec()); err != nil {
		return err
	}
	return c.commit.Exec()
}

// text is the first column of a query's first row.
func (c *committer) text(sql string) (string, error) {
	stmt, _, err := c.db.Prepare(sql)
	if err != nil {
		return "", err
	}
	value := ""
	if stmt.Step() {
		value = stmt.ColumnText(0)
	}
	return value, errors.Join(stmt.Err(), stmt.Close())
}

// close closes the database; SQLite keeps it open while it has statements.
func (c *committer) close() error {
	var err error
	for _, stmt := range []*sqlite3.Stmt{c.begin, c.insert, c.commit} {
		if stmt != nil {
			err = errors.Join(err, stmt.Close())
		}
	}
	return errors.Join(err, c.db.Close())
}
