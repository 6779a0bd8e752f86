package storage

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestHubIsOne(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		assert.Same(t, s.Hub("Chat", "lobby"), s.Hub("Chat", "lobby"))
		hubs := []*DB{s.Hub("Chat", "lobby"), s.Hub("Chat", "Lobby"), s.Hub("chat", "lobby"), s.Hub("Chat", "lo/bby")}
		for i, db := range hubs {
			write(t, db, "k", fmt.Sprint(i))
		}
		for i, db := range hubs {
			require.NoError(t, db.Close())
			assert.Equal(t, fmt.Sprint("k=", i), dump(t, db))
		}
	})
}

func TestInvalidHub(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	for _, hub := range [][2]string{
		{"", "a"}, {"a b", "a"}, {"1a", "a"}, {"../a", "a"}, {"func", "a"},
		{"Chat", ""}, {"Chat", "a\nb"}, {"Chat", "\x00"}, {"Chat", "\u0085"}, {"Chat", "\x7f"}, {"Chat", "\xff"},
		{"Chat", strings.Repeat("x", 257)},
	} {
		db := s.Hub(hub[0], hub[1])
		require.ErrorIs(t, db.Begin(), ErrName, "%q", hub)
		_, _, err := db.Get("k")
		require.ErrorIs(t, err, ErrName)
		require.ErrorIs(t, db.Close(), ErrName)
	}
	write(t, s.Hub("Chat", strings.Repeat("x", 256)), "k", "v")
	write(t, s.Hub("Räume", "../../日本 語.sqlite-wal"), "k", "v")
}

func TestOpenConnectionsAreBounded(t *testing.T) {
	each := func(t *testing.T, opts Options) {
		opts.MaxOpen = 4
		s := open(t, t.TempDir(), opts)
		hub := func(i int) *DB { return s.Hub("Chat", fmt.Sprint("hub", i)) }
		opened := func() (all []string) {
			for i := range 40 {
				if hub(i).conn != nil {
					all = append(all, hub(i).name)
				}
			}
			assert.Len(t, s.open, len(all))
			return all
		}
		for i := range 40 {
			write(t, hub(i), "k", fmt.Sprint(i))
			assert.LessOrEqual(t, len(s.open), 4)
		}
		assert.Equal(t, []string{"hub36", "hub37", "hub38", "hub39"}, opened())
		assert.Equal(t, "k=36", dump(t, hub(36)))
		assert.Equal(t, "k=0", dump(t, hub(0)))
		assert.Equal(t, []string{"hub0", "hub36", "hub38", "hub39"}, opened(), "the least recently used went")

		// A transaction holds its connection, even beyond the bound.
		for i := range 6 {
			require.NoError(t, hub(i).Begin())
			require.NoError(t, hub(i).Put("k", []byte("x")))
		}
		assert.Len(t, opened(), 6)
		for i := range 6 {
			assert.Equal(t, "k=x", dump(t, hub(i)))
			require.NoError(t, hub(i).Commit())
		}
		assert.LessOrEqual(t, len(opened()), 4)
		for i := range 40 {
			want := fmt.Sprint("k=", i)
			if i < 6 {
				want = "k=x"
			}
			assert.Equal(t, want, dump(t, hub(i)))
		}
	}
	t.Run("disk", func(t *testing.T) { each(t, Options{}) })
	t.Run("memory", func(t *testing.T) { each(t, Options{MemoryOnly: true}) })
}

func TestHubsConcurrently(t *testing.T) {
	for _, opts := range []Options{{MaxOpen: 3}, {MaxOpen: 3, MemoryOnly: true}} {
		s := open(t, t.TempDir(), opts)
		var g errgroup.Group
		for hub := range 12 {
			g.Go(func() error {
				db := s.Hub("Chat", fmt.Sprint(hub))
				for i := range 20 {
					if err := db.Begin(); err != nil {
						return err
					}
					if err := db.Put(fmt.Sprintf("%02d", i), []byte("v")); err != nil {
						return err
					}
					end := db.Commit
					if i%2 == 1 {
						end = db.Rollback
					}
					if err := end(); err != nil {
						return err
					}
					n := 0
					err := db.List(ListOptions{}, func(string, []byte) bool { n++; return true })
					if err != nil {
						return err
					}
					if n != i/2+1 {
						return fmt.Errorf("hub %d has %d keys after round %d", hub, n, i)
					}
				}
				return db.Close()
			})
		}
		require.NoError(t, g.Wait())
	}
}

func TestCloseWhileInUse(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	var g errgroup.Group
	started := make(chan struct{}, 4)
	for hub := range 4 {
		g.Go(func() error {
			db := s.Hub("Chat", fmt.Sprint(hub))
			for i := 0; ; i++ {
				if err := db.Begin(); err != nil {
					return err
				}
				if err := db.Put("k", fmt.Append(nil, i)); err != nil {
					return err
				}
				if err := db.Commit(); err != nil {
					return err
				}
				if i == 0 {
					started <- struct{}{}
				}
			}
		})
	}
	for range 4 {
		<-started
	}
	require.NoError(t, s.Close())
	require.ErrorIs(t, g.Wait(), ErrClosed)
	require.NoError(t, s.Close(), "twice")
	require.ErrorIs(t, s.Hub("Chat", "new").Begin(), ErrClosed)
}

func TestMemoryOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "unused")
	s := open(t, dir, Options{MemoryOnly: true})
	other := open(t, dir, Options{MemoryOnly: true})
	write(t, s.Hub("Chat", "100% ?#&"), "k", "v")
	require.NoError(t, s.Hub("Chat", "100% ?#&").Close())
	assert.Equal(t, "k=v", dump(t, s.Hub("Chat", "100% ?#&")), "data stays when the connection closes")
	assert.Empty(t, dump(t, other.Hub("Chat", "100% ?#&")), "stores share nothing")
	assert.NoDirExists(t, dir)
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, err := Open(dir, Options{})
	require.ErrorIs(t, err, ErrLocked)
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, LockedError{Dir: dir, PID: os.Getpid()}, *locked)
	assert.ErrorContains(t, err, fmt.Sprint(os.Getpid()))
	require.NoError(t, s.Close())
	require.NoError(t, open(t, dir, Options{}).Close())
}

// lockEnv makes this test's own binary the other process of TestLockOfAnotherProcess.
const lockEnv = "HUBBUB_TEST_LOCK_DIR"

func TestLockOfAnotherProcess(t *testing.T) {
	if dir := os.Getenv(lockEnv); dir != "" {
		s, err := Open(dir, Options{})
		require.NoError(t, err)
		write(t, s.Hub("Chat", "lobby"), "k", "v")
		fmt.Println("locked")
		select {}
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestLockOfAnotherProcess$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), lockEnv+"="+dir)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "locked\n", line)

	_, err = Open(dir, Options{})
	var locked *LockedError
	require.ErrorAs(t, err, &locked)
	assert.Equal(t, cmd.Process.Pid, locked.PID)

	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	s := open(t, dir, Options{})
	assert.Equal(t, "k=v", dump(t, s.Hub("Chat", "lobby")), "the lock ends with the process, the data does not")
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := Open(file, Options{})
	require.ErrorIs(t, err, ErrIO)
	_, err = Open(t.TempDir(), Options{MaxOpen: -1})
	require.Error(t, err)
}
