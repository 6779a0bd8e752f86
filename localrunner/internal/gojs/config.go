package gojs

import (
	"crypto/rand"
	"io"
	"net/http"
	"time"

	"github.com/tetratelabs/wazero"
)

// CompileOptions says how a program is compiled and what it can import.
type CompileOptions struct {
	// CacheDir is a folder for compiled code, created when missing. It turns a compilation of a second into tens of
	// milliseconds. Empty: no cache.
	CacheDir string
	// ModuleName and Module describe one more module that the program may import from, besides "gojs" and "workers".
	// Module exports its functions; they reach the caller's own value with [ValueFrom]. They run on the instance's
	// goroutine and must not call its methods Do, ServeHTTP or Close.
	ModuleName string
	Module     func(wazero.HostModuleBuilder)
	// MemoryLimit is the largest linear memory of an instance, in bytes, rounded down to whole pages of 64 KiB. Zero
	// means 128 MiB, which is what an isolate has on Cloudflare. At most 4 GiB less one page.
	MemoryLimit int64
}

// Config describes one instance. The zero value is usable.
type Config struct {
	// Env holds the variables of context.env, which cloudflare.Getenv reads.
	Env map[string]string
	// Stdout and Stderr receive what the program writes, unbuffered and on the instance's goroutine: a writer that
	// blocks stops the instance. Nil discards it.
	Stdout, Stderr io.Writer
	// Clock is the time of the program: what it reads, its timers, its sleeps. Nil is the real one.
	Clock Clock
	// Rand is the source of the program's random values. Nil is crypto/rand.
	Rand io.Reader
	// Value is for the functions of the extra host module; see [ValueFrom].
	Value any
	// Failed answers a request that cannot be answered by the program: it rejected it, ended before the head of
	// the response ([ErrLost]), or never had a handler. Nil answers 500 with the text of err.
	Failed func(w http.ResponseWriter, r *http.Request, err error)
}

// Clock is a source of time. Its methods must be safe for concurrent use.
type Clock interface {
	Now() time.Time
	// AfterFunc calls f after d, in any goroutine. f returns quickly. The function stop prevents the call, and
	// reports whether it did.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
}

type realClock struct{}

func (realClock) Now() time.Time { return time.Now() }

func (realClock) AfterFunc(d time.Duration, f func()) func() bool { return time.AfterFunc(d, f).Stop }

func (c Config) withDefaults() Config {
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Clock == nil {
		c.Clock = realClock{}
	}
	if c.Rand == nil {
		c.Rand = rand.Reader
	}
	if c.Failed == nil {
		c.Failed = func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
	return c
}
