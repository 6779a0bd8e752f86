package testhost

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// moduleRoot is the folder of go.mod, upwards from the package under test.
var moduleRoot = sync.OnceValues(func() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("testhost: no go.mod above the working directory")
		}
	}
})

func root(t testing.TB) string {
	t.Helper()
	dir, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// builds remembers, for this process, what has been built and how it went.
var builds sync.Map // of string to func() error

// once runs build the first time that the process asks for key, with the checkout's
// build lock held.
func once(key, root string, build func() error) error {
	f, _ := builds.LoadOrStore(key, sync.OnceValue(func() (err error) {
		unlock, err := lock(filepath.Join(root, "build", ".testhost.lock"))
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, unlock()) }()
		return build()
	}))
	return f.(func() error)()
}

// lock takes the file lock at path, waiting for it. The system frees it with the
// process, so that no crash leaves it taken.
func lock(path string) (unlock func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, fmt.Errorf("testhost: %w", err)
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("testhost: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("testhost: lock %s: %w", path, err), f.Close())
	}
	return f.Close, nil
}

// buildWasm builds the program's Wasm and Go's JavaScript for it. Go knows what is out
// of date, so a later process loses little by asking again.
func buildWasm(root string, p Program) error {
	return once("wasm "+p.String(), root, func() error {
		return runTool(root, "go", "run", "./tools/buildwasm", p.String())
	})
}

// runTool runs a command at the module's root; its output is in the error.
func runTool(root, name string, args ...string) error {
	cmd := exec.Command(name, args...)
	cmd.Dir = root
	// wrangler would otherwise report usage, and ask the network for its newest version.
	cmd.Env = append(os.Environ(), "WRANGLER_SEND_METRICS=false", "WRANGLER_HIDE_BANNER=true", "NO_COLOR=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("testhost: %s: %w\n%s", cmd, err, out.Bytes())
	}
	return nil
}
