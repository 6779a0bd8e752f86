package runnertest

import (
	"context"
	"encoding/binary"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner"
)

// Options of [New]; the zero value of each field is its default.
type Options struct {
	// Config is the path of the program's wrangler.toml; default the nearest one in the working directory, which is the
	// test's package, and above.
	Config string
	// Vars are added to the vars of the configuration, and replace those of the same name.
	Vars map[string]string
	// Storage is the folder of the hubs' databases; default in memory. One runner after the other may have it.
	Storage string
	// CacheDir is where compiled programs are kept, see localrunner.Options.
	CacheDir string
	// Start is the time at the beginning; default midnight UTC of 1 January 2000.
	Start time.Time
	// Seed is where all randomness comes from.
	Seed uint64
	// Trace is told of each turn until the test ends, see localrunner.Options.
	Trace func(hub actor.Address, input, output []byte)
}

// Runner runs a program for a test, on one isolate. Its methods, and those of its clients, are for one goroutine, and end
// the test when they cannot do what they say.
type Runner struct {
	t       testing.TB
	clock   *clock
	runner  *localrunner.Runner
	server  *httptest.Server
	faults  faults
	clients []*Client     // that have not ended, in the order of their opening
	writing chan struct{} // of room 1: some client may have something to read
	closing atomic.Bool
}

// patience bounds, in real time, what waits for something. Only a failure takes so long.
const patience = 10 * time.Second

// New starts a runner, which is closed with the test. What the program writes, and what the runner logs, is in the test's
// output.
func New(t testing.TB, opts Options) *Runner {
	t.Helper()
	if opts.Config == "" {
		opts.Config = nearestConfig(t)
	}
	if opts.Start.IsZero() {
		opts.Start = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	r := &Runner{t: t, clock: &clock{now: opts.Start}, writing: make(chan struct{}, 1)}
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], opts.Seed)
	all := localrunner.Options{
		Config:       opts.Config,
		Vars:         opts.Vars,
		Storage:      opts.Storage,
		CacheDir:     opts.CacheDir,
		Isolates:     1,
		Clock:        r.clock,
		Rand:         rand.NewChaCha8(seed),
		StorageFault: r.fault,
		Output:       t.Output(),
		Log:          slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{ReplaceAttr: withoutTime})),
	}
	if opts.Trace != nil {
		all.Trace = func(hub actor.Address, input, output []byte) {
			if !r.closing.Load() {
				opts.Trace(hub, input, output)
			}
		}
	}
	var err error
	if r.runner, err = localrunner.New(all); err != nil {
		t.Fatalf("runnertest: %v", err)
	}
	t.Cleanup(r.close)
	return r
}

// nearestConfig is the first wrangler.toml upwards from the working directory.
func nearestConfig(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatalf("runnertest: %v", err)
	}
	for at := dir; ; at = filepath.Dir(at) {
		path := filepath.Join(at, "wrangler.toml")
		if _, err := os.Stat(path); err == nil {
			return path
		}
		if at == filepath.Dir(at) {
			t.Fatalf("runnertest: there is no wrangler.toml in %s or above; set Options.Config", dir)
		}
	}
}

// withoutTime leaves the real time out of the log: it means nothing here.
func withoutTime(_ []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey {
		return slog.Attr{}
	}
	return a
}

func (r *Runner) close() {
	r.closing.Store(true)
	for _, c := range r.clients {
		c.free()
	}
	if r.server != nil {
		r.server.CloseClientConnections()
		defer r.server.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.runner.Close(ctx); err != nil {
		r.t.Errorf("runnertest: close: %v", err)
	}
	for _, c := range r.clients {
		<-c.done
	}
}

// URL is the base URL of a server of the runner on the loopback, which the first call starts.
func (r *Runner) URL() string {
	if r.server == nil {
		r.server = httptest.NewUnstartedServer(nil)
		r.server.Config = r.runner.Server()
		r.server.Start()
	}
	return r.server.URL
}

// Now returns the runner's time.
func (r *Runner) Now() time.Time { return r.clock.Now() }

// Advance lets d pass: timers of hubs, heartbeats and whatever else becomes due happens on the way, each at its time, and
// each is over before the next.
func (r *Runner) Advance(d time.Duration) {
	r.t.Helper()
	r.settle()
	for until := r.clock.Now().Add(d); ; r.settle() {
		fire := r.clock.next(until)
		if fire == nil {
			return
		}
		fire()
	}
}

// settle waits until nothing runs and no client that reads has anything left to read.
func (r *Runner) settle() {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		if err := r.runner.Settle(ctx); err != nil {
			r.t.Fatalf("runnertest: the runner did not come to rest in %v: %v", patience, err)
		}
		if !r.letOneRead() {
			break
		}
	}
	r.clients = slices.DeleteFunc(r.clients, func(c *Client) bool { return c.Ended() })
}

// letOneRead lets the first of the clients read that have something to read. It returns false when none has.
func (r *Runner) letOneRead() bool {
	return slices.ContainsFunc(r.clients, (*Client).letRead)
}

// Response is a complete answer.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Get sends a GET of path, which may have a query.
func (r *Runner) Get(path string) *Response {
	r.t.Helper()
	return r.Do(Request("GET", path, "", ""))
}

// Post sends a POST of body to path, which may have a query.
func (r *Runner) Post(path, contentType, body string) *Response {
	r.t.Helper()
	return r.Do(Request("POST", path, contentType, body))
}

// Request returns a request of path, which may have a query. contentType may be empty. It comes from the address
// 192.0.2.1, to the host example.com.
func Request(method, path, contentType, body string) *http.Request {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	return req
}

// Do sends a request, for example one of [Request], and returns the answer. For a stream there is [Runner.Open].
func (r *Runner) Do(req *http.Request) *Response {
	r.t.Helper()
	c := r.open(req, OpenOptions{})
	if c.decode != nil {
		r.t.Fatalf("runnertest: %s %s opened a stream", req.Method, req.URL)
	}
	c.wait(c.done, "the answer did not end")
	r.settle()
	if c.aborted {
		r.t.Fatalf("runnertest: %s %s: the answer was broken off", req.Method, req.URL)
	}
	return &Response{Status: c.status, Header: c.head, Body: string(c.body)}
}
