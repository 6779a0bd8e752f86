package storage

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestNothingWrittenMakesNoFile(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	db := s.Hub("Chat", "lobby")
	require.NoError(t, db.Begin())
	require.NoError(t, db.Savepoint())
	_, ok, err := db.Get("k")
	require.NoError(t, err)
	assert.False(t, ok)
	existed, err := db.Delete("k")
	require.NoError(t, err)
	assert.False(t, existed)
	assert.Empty(t, dump(t, db))
	require.NoError(t, db.Release())
	require.NoError(t, db.Commit())
	require.NoError(t, db.Close())
	assert.Empty(t, files(t, dir))

	write(t, db, "k", "v")
	assert.Equal(t, []string{"+chat/lobby.sqlite", "+chat/lobby.sqlite-wal"}, files(t, dir))
	require.NoError(t, db.Close())
	assert.Equal(t, []string{"+chat/lobby.sqlite"}, files(t, dir), "closing writes the log back")
	assert.Equal(t, "k=v", dump(t, db))
}

func TestRollback(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		db := s.Hub("Chat", "lobby")
		require.NoError(t, db.Begin())
		put(t, db, "a", "lost")
		assert.Equal(t, "a=lost", dump(t, db), "a transaction sees its own writes")
		require.NoError(t, db.Rollback())
		assert.Empty(t, dump(t, db), "the very first transaction, with the schema")

		write(t, db, "a", "1", "b", "2")
		require.NoError(t, db.Begin())
		put(t, db, "a", "lost", "c", "lost")
		_, err := db.Delete("b")
		require.NoError(t, err)
		require.NoError(t, db.Rollback())
		assert.Equal(t, "a=1 b=2", dump(t, db))

		require.NoError(t, db.Begin())
		require.NoError(t, db.Savepoint())
		put(t, db, "a", "lost")
		require.NoError(t, db.Rollback(), "with a savepoint open")
		assert.Equal(t, "a=1 b=2", dump(t, db))
	})
}

func TestSavepoints(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		db := s.Hub("Chat", "lobby")
		require.NoError(t, db.Begin())
		// The first turn fails, and with it the first write ever, but not the schema.
		require.NoError(t, db.Savepoint())
		put(t, db, "failed", "1")
		require.NoError(t, db.RollbackTo())
		assert.Empty(t, dump(t, db))
		// A turn that touches nothing.
		require.NoError(t, db.Savepoint())
		require.NoError(t, db.Release())
		require.NoError(t, db.Savepoint())
		require.NoError(t, db.RollbackTo())
		// A turn that succeeds, with a nested part that fails and another that does not.
		require.NoError(t, db.Savepoint())
		require.NoError(t, db.Savepoint())
		put(t, db, "inner failed", "1")
		require.NoError(t, db.RollbackTo())
		put(t, db, "outer", "1")
		require.NoError(t, db.Savepoint())
		put(t, db, "inner", "1")
		require.NoError(t, db.Release())
		require.NoError(t, db.Release())
		// A turn whose nested part succeeds but which itself fails.
		require.NoError(t, db.Savepoint())
		require.NoError(t, db.Savepoint())
		put(t, db, "undone", "1")
		require.NoError(t, db.Release())
		require.NoError(t, db.RollbackTo())
		assert.Equal(t, "inner=1 outer=1", dump(t, db))
		require.NoError(t, db.Commit())
		require.NoError(t, db.Close())
		assert.Equal(t, "inner=1 outer=1", dump(t, db))
	})
}

func TestTransactionState(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	db := s.Hub("Chat", "lobby")
	_, deleteErr := db.Delete("k")
	for _, err := range []error{
		db.Put("k", nil), deleteErr, db.Commit(), db.Rollback(), db.Savepoint(), db.Release(), db.RollbackTo(),
	} {
		require.ErrorIs(t, err, ErrTransaction)
	}
	require.NoError(t, db.Begin())
	require.ErrorIs(t, db.Begin(), ErrTransaction)
	require.ErrorIs(t, db.Close(), ErrTransaction)
	require.ErrorIs(t, db.Release(), ErrTransaction)
	require.NoError(t, db.Savepoint())
	put(t, db, "k", "v")
	require.ErrorIs(t, db.Commit(), ErrTransaction, "a savepoint is open")
	require.NoError(t, db.Release())
	require.NoError(t, db.Commit())
	assert.Equal(t, "k=v", dump(t, db))
}

func TestDurability(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	db := s.Hub("Chat", "lobby")
	write(t, db, "a", "1")
	write(t, db, "b", "2")
	require.NoError(t, db.Begin())
	put(t, db, "c", "not committed")

	crashed := open(t, copyFiles(t, dir), Options{})
	assert.Equal(t, "a=1 b=2", dump(t, crashed.Hub("Chat", "lobby")), "after a crash: what was committed")

	require.NoError(t, s.Close())
	require.ErrorIs(t, db.Put("c", nil), ErrClosed)
	reopened := open(t, dir, Options{})
	assert.Equal(t, "a=1 b=2", dump(t, reopened.Hub("Chat", "lobby")), "Close rolls back what is open")
}

func TestCrashBeforeFirstCommit(t *testing.T) {
	dir := t.TempDir()
	db := open(t, dir, Options{}).Hub("Chat", "lobby")
	require.NoError(t, db.Begin())
	put(t, db, "k", "v")
	again := open(t, copyFiles(t, dir), Options{}).Hub("Chat", "lobby")
	assert.Empty(t, dump(t, again))
	write(t, again, "k", "w")
	assert.Equal(t, "k=w", dump(t, again))
	require.NoError(t, db.Rollback())
}

func TestDamagedFileIsSetAside(t *testing.T) {
	damage := map[string]func(t *testing.T, path string){
		"not a database": func(t *testing.T, path string) {
			require.NoError(t, os.WriteFile(path, []byte("this is no database, and longer than a header of SQLite "+
				"is, which has one hundred bytes in all"), 0o600))
		},
		"truncated": func(t *testing.T, path string) { require.NoError(t, os.Truncate(path, 4096)) },
	}
	for name, harm := range damage {
		for _, first := range []string{"read", "write"} {
			t.Run(name+", first "+first, func(t *testing.T) {
				dir := t.TempDir()
				path := filepath.Join(dir, "+chat", "lobby.sqlite")
				s := open(t, dir, Options{})
				write(t, s.Hub("Chat", "lobby"), "k", "v")
				write(t, s.Hub("Chat", "other"), "k", "v")
				require.NoError(t, s.Close())
				harm(t, path)
				harmed, err := os.ReadFile(path)
				require.NoError(t, err)
				// A log that belongs to the damaged file must go with it.
				require.NoError(t, os.WriteFile(path+"-wal", []byte("log"), 0o600))

				var seen reports
				db := open(t, dir, Options{Report: seen.add}).Hub("Chat", "lobby")
				if first == "read" {
					assert.Empty(t, dump(t, db))
				}
				write(t, db, "k", "new")
				assert.Equal(t, "k=new", dump(t, db))
				require.NoError(t, db.Close())

				require.Len(t, seen.lines, 1)
				assert.Contains(t, seen.lines[0], path+".damaged-")
				aside, err := filepath.Glob(path + ".damaged-*Z")
				require.NoError(t, err)
				require.Len(t, aside, 1)
				kept, err := os.ReadFile(aside[0])
				require.NoError(t, err)
				assert.Equal(t, harmed, kept)
				assert.Len(t, files(t, dir), 3+countLogs(t, aside[0]))
			})
		}
	}
}

// countLogs is 1 when the log was kept beside the file. SQLite itself may have emptied a log that holds nothing.
func countLogs(t *testing.T, path string) int {
	t.Helper()
	if _, err := os.Stat(path + "-wal"); err == nil {
		return 1
	}
	return 0
}

// damaged returns a folder with a database whose header and schema are sound, but the page of the keys is noise: opening
// does not notice.
func damaged(t *testing.T) (dir string) {
	dir = t.TempDir()
	path := filepath.Join(dir, "+chat", "lobby.sqlite")
	s := open(t, dir, Options{})
	db := s.Hub("Chat", "lobby")
	write(t, db, "k", "v")
	require.NoError(t, s.Close())
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Len(t, b, 3*4096)
	for i := 2 * 4096; i < len(b); i++ {
		b[i] = 0xa5
	}
	require.NoError(t, os.WriteFile(path, b, 0o600))
	return dir
}

// Nothing that is acknowledged may lie in a file that is set aside: a transaction that met damage does not commit, also
// when nobody looked at the error.
func TestDamageFailsTheTransaction(t *testing.T) {
	var seen reports
	db := open(t, damaged(t), Options{Report: seen.add}).Hub("Chat", "lobby")
	require.NoError(t, db.Begin())
	_, _, err := db.Get("k")
	require.ErrorIs(t, err, ErrCorrupt)
	require.ErrorIs(t, db.Commit(), ErrCorrupt)
	assert.Empty(t, dump(t, db))
	require.Len(t, seen.lines, 1)
	write(t, db, "k", "w")
	assert.Equal(t, "k=w", dump(t, db))
}

func TestDamageInUse(t *testing.T) {
	var seen reports
	db := open(t, damaged(t), Options{Report: seen.add}).Hub("Chat", "lobby")
	require.NoError(t, db.Begin())
	require.ErrorIs(t, db.Put("k", []byte("w")), ErrCorrupt)
	assert.Empty(t, seen.lines, "nothing is moved under an open transaction")
	require.NoError(t, db.Rollback())
	assert.Empty(t, dump(t, db))
	require.Len(t, seen.lines, 1)
	assert.Contains(t, seen.lines[0], "set aside")
	write(t, db, "k", "w")
	assert.Equal(t, "k=w", dump(t, db))
}

func TestOtherDatabases(t *testing.T) {
	tests := []struct {
		name, sql string
		want      error
	}{
		{"newer", `PRAGMA user_version = 2`, ErrNewer},
		{"other application", `PRAGMA application_id = 1`, ErrForeign},
		{"renamed", `UPDATE _hubbub_meta SET name = 'elsewhere'`, ErrForeign},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "+chat", "lobby.sqlite")
			s := open(t, dir, Options{})
			write(t, s.Hub("Chat", "lobby"), "k", "v")
			require.NoError(t, s.Close())
			edit(t, path, test.sql)
			before, err := os.ReadFile(path)
			require.NoError(t, err)

			s = open(t, dir, Options{})
			db := s.Hub("Chat", "lobby")
			_, _, err = db.Get("k")
			require.ErrorIs(t, err, test.want)
			assert.ErrorContains(t, err, `Chat/"lobby"`)
			require.NoError(t, db.Begin())
			require.ErrorIs(t, db.Put("k", nil), test.want)
			require.NoError(t, db.Rollback())
			require.NoError(t, s.Close())
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, before, after, "left untouched")
		})
	}
}
