package localrunner

import (
	"crypto/rand"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// Options configure a [Runner]; the zero value of each field is its default.
type Options struct {
	// Config is the path of the program's wrangler.toml; default "wrangler.toml".
	Config string
	// Vars are added to the vars of the configuration, and replace those of the same name.
	Vars map[string]string
	// Storage is the folder of the hubs' databases, which is made when it is missing. Empty: storage is in memory,
	// and gone with the runner.
	Storage string
	// Isolates is how many instances run hubs; default the number of CPUs, at most 8.
	Isolates int
	// CacheDir is where compiled programs are kept; default a folder "hubbub" in the user's cache folder. "none":
	// they are not kept.
	CacheDir string
	// Log gets what operators should know; default none.
	Log *slog.Logger
	// Output gets what the program writes to its stdout and stderr, one write at a time; default none.
	Output io.Writer
	// Clock is where all time comes from; default the system's.
	Clock Clock
	// Rand is where all randomness comes from, one read at a time; default crypto/rand.
	Rand io.Reader

	// For tests of hubs, see package runnertest.

	// StorageFault is called before each write of a turn and each commit, with [StoragePut], [StorageDelete] or
	// [StorageCommit]; what fails is what it returns an error for, such as one that wraps [ErrStorageFull]. It may be
	// called concurrently for different hubs, and must not wait for the runner.
	StorageFault func(op string) error
	// Trace is called after each turn with its input and output as they crossed the boundary of the program, see
	// package abi. They are valid during the call only. An output of nil says that the instance was lost. What one
	// isolate runs it is told one after the other.
	Trace func(hub actor.Address, input, output []byte)

	bootTimeout time.Duration // for tests
}

// Clock tells the time and runs timers. Its methods are called concurrently.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f in a goroutine of its own once d has passed. The function that it returns cancels that, and
	// reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type systemClock struct{}

func (systemClock) Now() time.Time { return time.Now() }

func (systemClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (o Options) withDefaults() Options {
	if o.Config == "" {
		o.Config = "wrangler.toml"
	}
	if o.Isolates <= 0 {
		o.Isolates = min(runtime.NumCPU(), 8)
	}
	if o.CacheDir == "" {
		// Without a cache folder a start takes a second instead of a twentieth of one.
		if dir, err := os.UserCacheDir(); err == nil {
			o.CacheDir = filepath.Join(dir, "hubbub")
		}
	}
	if o.CacheDir == "none" {
		o.CacheDir = ""
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Output == nil {
		o.Output = io.Discard
	} else {
		o.Output = &lockedWriter{w: o.Output}
	}
	if o.Clock == nil {
		o.Clock = systemClock{}
	}
	if o.Rand == nil {
		o.Rand = rand.Reader // is safe for concurrent use
	} else {
		o.Rand = &lockedReader{r: o.Rand}
	}
	if o.bootTimeout == 0 {
		o.bootTimeout = bootTimeout
	}
	return o
}

// lockedWriter is for several isolates that write at once.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}

// lockedReader is for several isolates that read at once.
type lockedReader struct {
	mu sync.Mutex
	r  io.Reader
}

func (l *lockedReader) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.r.Read(p)
}
