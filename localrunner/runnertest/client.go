package runnertest

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// Event is one event of a stream, as a browser would see it.
type Event struct {
	ID    string // the last one that the stream had
	HasID bool   // whether it came with this event
	Name  string // "message" when it has none
	Data  string
	At    time.Time // when it was read, by the runner's time
}

// Client is the client of a stream. It reads whatever comes, unless it is stalled.
type Client struct {
	r      *Runner
	req    *http.Request // to open it with
	cancel context.CancelFunc
	begun  chan struct{} // closed: the head is there, or the answer ended without one
	done   chan struct{} // closed: nothing more comes

	mu       sync.Mutex
	status   int
	head     http.Header
	body     []byte                    // of an answer that is no stream
	decode   func(p []byte) []sse.Item // nil: it is no stream
	stop     func()                    // ends decode
	events   []Event
	read     int // events that Next has returned
	comments int
	retry    time.Duration
	lastID   string
	ended    bool
	aborted  bool

	waits   chan struct{} // to be closed for the stream to go on; nil: it does not wait for that
	steps   int           // how often a stalled client reads all the same
	stalled bool
	dropped bool
	cut     bool // the runner lost its patience
}

// OpenOptions are options of [Runner.Open]; the zero value is the default.
type OpenOptions struct {
	// Stalled: the client does not read from the beginning, see [Client.Stall].
	Stalled bool
}

// Subscribe opens a stream with a GET of path, which may have a query.
func (r *Runner) Subscribe(path string) *Client {
	r.t.Helper()
	return r.Open(Request("GET", path, "", ""), OpenOptions{})
}

// Open opens a stream with req. The test fails when the answer is no stream.
func (r *Runner) Open(req *http.Request, opts OpenOptions) *Client {
	r.t.Helper()
	c := r.open(req, opts)
	if c.decode == nil {
		c.wait(c.done, "the answer did not end")
		r.t.Fatalf("runnertest: %s %s opened no stream, the answer is %d: %s", req.Method, req.URL, c.status, c.body)
	}
	r.settle()
	return c
}

// open sends a request and returns when its answer has begun.
func (r *Runner) open(req *http.Request, opts OpenOptions) *Client {
	r.t.Helper()
	r.settle()
	ctx, cancel := context.WithCancel(req.Context())
	c := &Client{
		r: r, req: req, cancel: cancel, begun: make(chan struct{}), done: make(chan struct{}),
		stalled: opts.Stalled,
	}
	r.clients = append(r.clients, c)
	go r.runner.Serve(&writer{c, make(http.Header)}, req.WithContext(ctx), c.end)
	c.wait(c.begun, "there is no answer")
	return c
}

// end is called when the request is over.
func (c *Client) end(aborted bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
	if c.status == 0 {
		close(c.begun)
	}
	c.ended, c.aborted = true, aborted
	c.cancel()
	close(c.done)
}

// wait waits for ch.
func (c *Client) wait(ch <-chan struct{}, failure string) {
	c.r.t.Helper()
	select {
	case <-ch:
	case <-time.After(patience):
		c.r.t.Fatalf("runnertest: %s %s: %s in %v", c.req.Method, c.req.URL, failure, patience)
	}
}

// Resume opens the stream anew, as an EventSource does that has lost it: with the id of the last event that it has read.
// What is left of the old connection is closed.
func (c *Client) Resume() *Client {
	c.r.t.Helper()
	c.Close()
	req := c.req.Clone(context.Background())
	if c.lastID != "" {
		req.Header.Set("Last-Event-ID", c.lastID)
	}
	return c.r.Open(req, OpenOptions{})
}

// Header is the head of the stream's answer.
func (c *Client) Header() http.Header { return c.head }

// Session is the id of the client's session, as the event "connected" told it, or "".
func (c *Client) Session() string {
	for _, e := range c.Events() {
		if e.Name == "connected" {
			var data struct{ Session string }
			if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
				c.r.t.Fatalf("runnertest: %s: the event %q is %q: %v", c.req.URL, e.Name, e.Data, err)
			}
			return data.Session
		}
	}
	return ""
}

// Events returns all events that the client has read.
func (c *Client) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// Messages returns the data of those that carry an id.
func (c *Client) Messages() []string {
	var data []string
	for _, e := range c.Events() {
		if e.HasID {
			data = append(data, e.Data)
		}
	}
	return data
}

// Comments is how many comments it has read: each heartbeat is one.
func (c *Client) Comments() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.comments
}

// Retry is how long the stream has told it to wait before it reconnects; 0: it has not.
func (c *Client) Retry() time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.retry
}

// LastEventID is the id that it would resume from.
func (c *Client) LastEventID() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.lastID
}

// Ended reports whether the stream has ended.
func (c *Client) Ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.ended
}

// Aborted reports whether it was broken off, and has not come to its end.
func (c *Client) Aborted() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.aborted
}

// Next returns the next event that it has not returned yet. The test fails when there is none: at once if the stream has
// ended, or else in a while, as what clients of [Runner.URL] do may still cause one.
func (c *Client) Next(t testing.TB) Event {
	t.Helper()
	late := time.After(patience)
	for {
		c.r.settle()
		c.mu.Lock()
		read, ended, stalled := c.read, c.ended, c.stalled
		if read < len(c.events) {
			c.read++
			defer c.mu.Unlock()
			return c.events[read]
		}
		c.mu.Unlock()
		if ended || stalled {
			t.Fatalf("runnertest: %s: no event follows the %d so far; ended: %t, stalled: %t", c.req.URL, read, ended, stalled)
		}
		select {
		case <-c.r.writing:
		case <-c.done:
		case <-late:
			t.Fatalf("runnertest: %s: no event follows the %d so far in %v", c.req.URL, read, patience)
		}
	}
}

// Message returns the next event that carries an id.
func (c *Client) Message(t testing.TB) Event {
	t.Helper()
	for {
		if e := c.Next(t); e.HasID {
			return e
		}
	}
}

// Stall has the client stop reading. What is sent to it waits in the runner, as far as the bound of its session goes.
func (c *Client) Stall() { c.set(func() { c.stalled = true }) }

// Unstall has it read again.
func (c *Client) Unstall() {
	c.r.t.Helper()
	c.set(func() { c.stalled = false })
	c.r.settle()
}

// Step has a stalled client read what waits for it now. Of a replay that is the next slice.
func (c *Client) Step() {
	c.r.t.Helper()
	c.set(func() { c.steps = 1 })
	c.r.settle()
	c.set(func() { c.steps = 0 })
}

// Drop cuts the connection without a word: the runner learns of it when it next writes.
func (c *Client) Drop() {
	c.r.t.Helper()
	c.set(func() { c.dropped = true })
	c.r.settle() // what waited for a stalled client has failed
}

// Close closes the connection, as a client does that leaves. The runner notices at once.
func (c *Client) Close() {
	c.r.t.Helper()
	c.set(func() { c.dropped = true })
	c.cancel()
	c.r.settle()
	c.wait(c.done, "the stream did not end")
	c.r.settle()
}

func (c *Client) set(change func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	change()
}

// free has the client read whatever comes until the end.
func (c *Client) free() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stalled = false
	c.letGo()
	c.cancel()
}

// letRead lets the stream go on if it waits for that, and reports whether it did.
func (c *Client) letRead() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.waits == nil:
		return false
	case !c.stalled || c.dropped || c.cut:
	case c.steps > 0:
		c.steps--
	default:
		return false
	}
	c.letGo()
	return true
}

func (c *Client) letGo() {
	if c.waits != nil {
		c.r.runner.Busy(1)
		close(c.waits)
		c.waits = nil
	}
}
