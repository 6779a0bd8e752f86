package storage

import (
	"errors"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFaultHook(t *testing.T) {
	boom := errors.New("boom")
	for _, memory := range []bool{false, true} {
		var ops []string
		failAt := -1
		s := open(t, t.TempDir(), Options{MemoryOnly: memory, Fault: func(op string) error {
			ops = append(ops, op)
			if len(ops)-1 == failAt {
				return boom
			}
			return nil
		}})
		db := s.Hub("Chat", "lobby")
		// round does the same each time and fails at its n-th write, counted from 0.
		round := func(n int) error {
			ops, failAt = nil, n
			require.NoError(t, db.Begin())
			err := db.Put("a", []byte("new"))
			if err == nil {
				_, err = db.Delete("b")
			}
			if err != nil {
				require.NoError(t, db.Rollback())
				return err
			}
			return db.Commit()
		}
		for n := range 3 {
			require.ErrorIs(t, round(n), boom)
			assert.Equal(t, []string{OpPut, OpDelete, OpCommit}[:n+1], ops)
			assert.Empty(t, dump(t, db), "the first transaction ever")
		}
		require.NoError(t, db.Close())
		write(t, db, "a", "1", "b", "2")
		for n := range 3 {
			require.ErrorIs(t, round(n), boom)
			assert.Equal(t, "a=1 b=2", dump(t, db))
		}
		require.NoError(t, round(-1))
		assert.Equal(t, "a=new", dump(t, db))

		ops = nil
		require.NoError(t, db.Begin())
		_ = dump(t, db)
		require.NoError(t, db.Commit())
		assert.Empty(t, ops, "reading cannot fail this way")

		// One turn fails, the others in the same commit do not.
		ops, failAt = nil, 1
		require.NoError(t, db.Begin())
		for _, k := range []string{"t0", "t1", "t2"} {
			require.NoError(t, db.Savepoint())
			if err := db.Put(k, []byte("v")); err != nil {
				require.ErrorIs(t, err, boom)
				require.NoError(t, db.RollbackTo())
				continue
			}
			require.NoError(t, db.Release())
		}
		require.NoError(t, db.Commit())
		assert.Equal(t, "a=new t0=v t2=v", dump(t, db))
	}
}

// faultyVFS is the operating system's file layer until it is told to fail writing and syncing of logs.
type faultyVFS struct {
	vfs.VFSFilename
	fail atomic.Pointer[fault]
}

type fault struct {
	sync bool // fail syncing instead of writing
	err  error
}

func (f *faultyVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := f.VFSFilename.OpenFilename(name, flags)
	if err == nil && strings.HasSuffix(name.String(), "-wal") {
		file = &faultyFile{File: file, vfs: f}
	}
	return file, flags, err
}

type faultyFile struct {
	vfs.File
	vfs *faultyVFS
}

func (f *faultyFile) WriteAt(p []byte, off int64) (int, error) {
	if fail := f.vfs.fail.Load(); fail != nil && !fail.sync {
		// Half of it arrives.
		n, _ := f.File.WriteAt(p[:len(p)/2], off)
		return n, fail.err
	}
	return f.File.WriteAt(p, off)
}

func (f *faultyFile) Sync(flags vfs.SyncFlag) error {
	if fail := f.vfs.fail.Load(); fail != nil && fail.sync {
		return fail.err
	}
	return f.File.Sync(flags)
}

func TestFailingDisk(t *testing.T) {
	const name = "storage-faulty"
	layer := &faultyVFS{VFSFilename: vfs.Find("").(vfs.VFSFilename)}
	vfs.Register(name, layer)
	defer vfs.Unregister(name)

	tests := []struct {
		name  string
		fault fault
		want  error
	}{
		{"full", fault{err: sqlite3.FULL}, ErrFull},
		{"write", fault{err: sqlite3.IOERR_WRITE}, ErrIO},
		{"sync", fault{sync: true, err: sqlite3.IOERR_FSYNC}, ErrIO},
		{"sync finds it full", fault{sync: true, err: vfs.SystemError(syscall.ENOSPC, sqlite3.FULL)}, ErrFull},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir, Options{vfs: name})
			db := s.Hub("Chat", "lobby")
			defer layer.fail.Store(nil)
			first := s.Hub("Chat", "first")

			write(t, db, "a", "1", "b", "2")
			layer.fail.Store(&test.fault)
			for range 2 {
				require.NoError(t, db.Begin())
				put(t, db, "a", "lost", "c", strings.Repeat("lost", 5000))
				require.ErrorIs(t, db.Commit(), test.want)
				assert.Equal(t, "a=1 b=2", dump(t, db), "readable, and as before")
			}
			// More than the cache holds, so that it fails before the commit.
			require.NoError(t, db.Begin())
			var err error
			for i := 0; i < 40 && err == nil; i++ {
				err = db.Put(strings.Repeat("k", i+1), make([]byte, 64<<10))
			}
			if !test.fault.sync {
				require.ErrorIs(t, err, test.want)
			}
			require.ErrorIs(t, errors.Join(err, db.Commit()), test.want)
			assert.Equal(t, "a=1 b=2", dump(t, db))

			// A hub that never managed to commit anything.
			require.NoError(t, first.Begin())
			require.ErrorIs(t, errors.Join(first.Put("k", nil), first.Commit()), test.want)
			assert.Empty(t, dump(t, first))

			layer.fail.Store(nil)
			crashed := open(t, copyFiles(t, dir), Options{})
			assert.Equal(t, "a=1 b=2", dump(t, crashed.Hub("Chat", "lobby")), "a crash now brings nothing back")
			write(t, db, "a", "2")
			write(t, first, "k", "v")
			require.NoError(t, s.Close())
			again := open(t, dir, Options{})
			assert.Equal(t, "a=2 b=2", dump(t, again.Hub("Chat", "lobby")), "healed")
			assert.Equal(t, "k=v", dump(t, again.Hub("Chat", "first")))
		})
	}
}
