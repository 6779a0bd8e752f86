package storage

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reports collects what a store reports.
type reports struct {
	mu    sync.Mutex
	lines []string
}

func (r *reports) add(line string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lines = append(r.lines, line)
}

// open opens a store that is closed with the test and must have nothing to report.
func open(t testing.TB, dir string, opts Options) *Store {
	t.Helper()
	if opts.Report == nil {
		opts.Report = func(message string) { t.Errorf("unexpected report: %s", message) }
	}
	s, err := Open(dir, opts)
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, s.Close()) })
	return s
}

// each runs a test on disk and in memory.
func each(t *testing.T, f func(t *testing.T, s *Store)) {
	t.Helper()
	t.Run("disk", func(t *testing.T) { f(t, open(t, t.TempDir(), Options{})) })
	t.Run("memory", func(t *testing.T) { f(t, open(t, "", Options{MemoryOnly: true})) })
}

// write commits pairs of key and value.
func write(t testing.TB, db *DB, pairs ...string) {
	t.Helper()
	require.NoError(t, db.Begin())
	put(t, db, pairs...)
	require.NoError(t, db.Commit())
}

func put(t testing.TB, db *DB, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		require.NoError(t, db.Put(pairs[i], []byte(pairs[i+1])))
	}
}

// dump returns everything in order, as "key=value key=value".
func dump(t testing.TB, db *DB) string {
	t.Helper()
	var all []string
	require.NoError(t, db.List(ListOptions{}, func(k string, v []byte) bool {
		all = append(all, k+"="+string(v))
		return true
	}))
	return strings.Join(all, " ")
}

// files lists all files below dir but the lock, relative to it.
func files(t testing.TB, dir string) []string {
	t.Helper()
	found := []string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() && d.Name() != lockFile {
			rel, _ := filepath.Rel(dir, path)
			found = append(found, filepath.ToSlash(rel))
		}
		return err
	}))
	return found
}

// copyFiles copies the files below dir while they are in use: what a crash would leave.
func copyFiles(t testing.TB, dir string) string {
	t.Helper()
	to := t.TempDir()
	for _, f := range files(t, dir) {
		b, err := os.ReadFile(filepath.Join(dir, f))
		require.NoError(t, err)
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(to, f)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(to, f), b, 0o600))
	}
	return to
}

// edit runs SQL on a database that no store has open.
func edit(t testing.TB, path, sql string) {
	t.Helper()
	c, err := sqlite3.Open(path)
	require.NoError(t, err)
	require.NoError(t, c.Exec(sql))
	require.NoError(t, c.Close())
}
