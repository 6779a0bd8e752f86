package testhost

import (
	"os"
	"path/filepath"
	"testing"
)

// Program is a Go program that hosts can run.
type Program int

const (
	// App is the deployed program, of the wrangler.toml at the module's root.
	App Program = iota
	// TestWorker is the conformance suite's program, which fails on demand.
	TestWorker
)

// String returns the program's name, which is also its Wasm file's and bundle's.
func (p Program) String() string {
	if p == TestWorker {
		return "testworker"
	}
	return "app"
}

// config is the program's wrangler.toml.
func (p Program) config(root string) string {
	if p == TestWorker {
		return filepath.Join(root, "conformance", "testworker", "wrangler.toml")
	}
	return filepath.Join(root, "wrangler.toml")
}

// Options of a host. The zero value runs the program as its wrangler.toml says, on
// storage that is deleted with the test.
type Options struct {
	// Vars override and extend the vars of wrangler.toml, HEARTBEAT for one.
	Vars map[string]string
	// StorageDir is a folder for the hubs' storage that outlives the host; "" is
	// a folder of the test.
	StorageDir string
	// NoAssets makes workerd hand every request to the program, without looking
	// for a static asset first. It saves a hop that on Cloudflare is not there
	// either, for measurements; the local runner has none to save.
	NoAssets bool
}

func (o Options) storage(t testing.TB) string {
	t.Helper()
	if o.StorageDir != "" {
		return o.StorageDir
	}
	dir := filepath.Join(t.TempDir(), "storage")
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal("testhost:", err)
	}
	return dir
}

// Host is a running host. Its methods end the test when they fail.
type Host struct {
	t    testing.TB
	addr string
	cmd  command
	proc *process
}

// command says how a host is started so that it listens on addr, "host:port", and how
// to learn the port when addr leaves it open.
type command struct {
	name string
	args func(addr string) []string
	dir  string
	// listening extracts the address from a line of the host's announcements.
	listening func(line string) (addr string, ok bool)
	// controlFD tells that announcements come on descriptor 3, not stdout.
	controlFD bool
}

func start(t testing.TB, cmd command) *Host {
	t.Helper()
	h := &Host{t: t, addr: "127.0.0.1:0", cmd: cmd}
	t.Cleanup(h.cleanup)
	h.run()
	return h
}

// URL is the host's base URL. It stays the same over restarts.
func (h *Host) URL() string { return "http://" + h.addr }

// Kill ends the host at once, as SIGKILL does. A killed host may be killed again.
func (h *Host) Kill() {
	h.t.Helper()
	h.proc.kill()
}

// Restart kills the host if it still runs and starts it on the same address and storage.
func (h *Host) Restart() {
	h.t.Helper()
	h.proc.kill()
	h.run()
}

// RSS is the resident memory of the host's process in bytes.
func (h *Host) RSS() (int64, error) { return h.proc.rss() }

// PID is the process id of the host.
func (h *Host) PID() int { return h.proc.cmd.Process.Pid }

// Output is what the host has written to stdout and stderr since its last start; of
// much only the end is kept.
func (h *Host) Output() string { return h.proc.output.String() }

func (h *Host) run() {
	h.t.Helper()
	proc, addr, err := launch(h.cmd, h.addr)
	if proc != nil {
		h.proc = proc
	}
	if err != nil {
		h.t.Fatalf("testhost: %v", err)
	}
	h.addr = addr
}

func (h *Host) cleanup() {
	if h.proc == nil {
		return
	}
	h.proc.kill()
	if h.t.Failed() {
		h.t.Logf("output of %s:\n%s", h.cmd.name, h.Output())
	}
}
