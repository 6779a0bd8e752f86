package peers

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProcessIsKilledWithItsGroup(t *testing.T) {
	pipe, theirs, err := os.Pipe()
	require.NoError(t, err)
	defer pipe.Close()
	// A shell that starts another process, deaf to the first signal; both hold the pipe open.
	cmd := exec.Command("sh", "-c", "trap '' TERM; sleep 1000 & echo begun; wait; sleep 1000")
	cmd.ExtraFiles = []*os.File{theirs}
	p, err := Launch(cmd)
	require.NoError(t, err)
	require.NoError(t, theirs.Close())
	require.NoError(t, p.WaitFor(t.Context(), func() error {
		if p.output.String() != "begun\n" {
			return errors.New("not yet")
		}
		return nil
	}))
	require.NoError(t, p.Kill())
	_, err = pipe.Read(make([]byte, 1))
	require.Error(t, err, "the pipe ends when nobody holds it any more")
	require.NoError(t, p.Kill(), "killing it again does nothing")
}

func TestWaitForReportsAnEarlyEnd(t *testing.T) {
	p, err := Launch(exec.Command("sh", "-c", "echo why; exit 3"))
	require.NoError(t, err)
	err = p.WaitFor(t.Context(), func() error { return errors.New("never") })
	require.ErrorContains(t, err, "exit status 3")
	require.ErrorContains(t, err, "why")
	_, err = Launch(exec.Command("/no/such/program"))
	require.Error(t, err)
}

func TestAddresses(t *testing.T) {
	addr, err := FreeAddr()
	require.NoError(t, err)
	require.Error(t, Accepts(addr)())
	l, err := net.Listen("tcp", addr)
	require.NoError(t, err)
	defer l.Close()
	require.NoError(t, Accepts(addr)())
}

func TestOutputKeepsTheEnd(t *testing.T) {
	var b lockedBuffer
	for range 2 * maxOutput {
		_, err := b.Write([]byte("x"))
		require.NoError(t, err)
	}
	_, err := b.Write([]byte("end"))
	require.NoError(t, err)
	require.Len(t, b.String(), maxOutput)
	require.Contains(t, b.String(), "xend")
}

func TestGlob(t *testing.T) {
	dir := t.TempDir()
	_, err := glob(dir, "a*")
	require.ErrorContains(t, err, "npm ci")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "ab"), nil, 0o600))
	path, err := glob(dir, "a*")
	require.NoError(t, err)
	require.Equal(t, filepath.Join(dir, "ab"), path)
}

func TestTB(t *testing.T) {
	b := &tb{temp: t.TempDir()}
	dir := b.TempDir()
	order := ""
	b.Cleanup(func() { order += "a" })
	b.Cleanup(func() { order += "b" })
	require.NoError(t, b.try(func() {}))
	require.DirExists(t, dir)
	require.EqualError(t, b.try(func() { b.Fatalf("it %s", "failed") }), "it failed")
	require.Equal(t, "ba", order, "a failure cleans up")
	require.NoDirExists(t, dir)
	require.EqualError(t, b.try(func() { b.Skip("missing: ", 1) }), "missing: 1")
	require.Panics(t, func() { _ = b.try(func() { panic("a bug") }) })
}
