package runnertest

import (
	"errors"
	"io"
	"iter"
	"mime"
	"net/http"
	"os"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// errDropped is what the runner's writes to a client fail with that has gone.
var errDropped = errors.New("runnertest: the connection was cut")

// writer is where the runner writes a client's answer.
//
// Streams go on one at a time, when nothing else runs: then what has come together in a session's queue does not depend
// on how fast its goroutine was.
type writer struct {
	c      *Client
	header http.Header // until WriteHeader
}

func (w *writer) Header() http.Header { return w.header }

// WriteHeader begins the answer.
func (w *writer) WriteHeader(status int) {
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.status != 0 || status < 200 {
		return
	}
	c.status, c.head = status, w.header.Clone()
	kind, _, _ := mime.ParseMediaType(c.head.Get("Content-Type"))
	if kind == "text/event-stream" && status == http.StatusOK && c.req.Method != http.MethodHead {
		c.decode, c.stop = newDecoder()
	}
	close(c.begun)
}

// Write has the client read p.
func (w *writer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	c := w.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.decode == nil {
		c.body = append(c.body, p...)
		return len(p), nil
	}
	switch {
	case c.dropped:
		return 0, errDropped
	case c.cut:
		return 0, os.ErrDeadlineExceeded
	}
	for _, item := range c.decode(p) {
		c.take(item)
	}
	return len(p), nil
}

// Pace waits until it is the client's turn to read, see [Runner.settle].
func (w *writer) Pace() {
	c := w.c
	c.mu.Lock()
	if c.r.closing.Load() {
		c.mu.Unlock()
		return
	}
	may := make(chan struct{})
	c.waits = may
	c.mu.Unlock()
	c.r.runner.Busy(-1)
	select {
	case c.r.writing <- struct{}{}:
	default: // it is known already
	}
	<-may
}

func (c *Client) take(item sse.Item) {
	switch item.Kind {
	case sse.KindComment:
		c.comments++
	case sse.KindRetry:
		c.retry = item.Retry
	case sse.KindEvent:
		e := item.Event
		c.lastID = e.LastEventID
		c.events = append(c.events, Event{e.LastEventID, e.HasID, e.Name, e.Data, c.r.clock.Now()})
	}
}

// FlushError does nothing: what is written is read.
func (w *writer) FlushError() error { return nil }

// SetWriteDeadline is how the runner cuts a stream: with a time in the past, which has passed on the real clock.
func (w *writer) SetWriteDeadline(at time.Time) error {
	w.c.set(func() { w.c.cut = !at.IsZero() && at.Before(time.Now()) })
	return nil
}

// newDecoder returns a function that decodes a stream piece by piece, and one that ends it.
func newDecoder() (decode func(p []byte) []sse.Item, stop func()) {
	in := &feed{}
	next, stop := iter.Pull(func(yield func(*sse.Item) bool) {
		in.yield = yield
		d := sse.NewDecoder(in)
		for {
			item, err := d.Next()
			if err != nil || !yield(&item) {
				return
			}
		}
	})
	return func(p []byte) (items []sse.Item) {
		in.data = p
		for {
			item, ok := next()
			if !ok || item == nil {
				return items
			}
			items = append(items, *item)
		}
	}, stop
}

// feed is a reader that yields nil when it has nothing left.
type feed struct {
	data  []byte
	yield func(*sse.Item) bool
	ended bool
}

func (f *feed) Read(p []byte) (int, error) {
	for len(f.data) == 0 {
		if f.ended || !f.yield(nil) {
			f.ended = true
			return 0, io.EOF
		}
	}
	n := copy(p, f.data)
	f.data = f.data[n:]
	return n, nil
}
