package gojs

import (
	"io"
	"net/http"
	"sync"
	"time"
)

const bodyChunk = 32 << 10

// bodySource feeds a request's body into a stream of the program, one read at a time and only when the program asks:
// what it does not read stays with the client.
type bodySource struct {
	in   *Instance
	body io.ReadCloser
	rc   *http.ResponseController

	// Owned by the instance's goroutine.

	s      *readable
	pulled *promise // the pull that waits for a chunk
	want   chan struct{}

	quit    chan struct{}
	exited  chan struct{}
	mu      sync.Mutex
	started bool
	reading bool
	stopped bool
}

func newBodySource(in *Instance, body io.ReadCloser, rc *http.ResponseController) *bodySource {
	// Without it, an HTTP/1 server swallows the rest of the request when the response begins.
	_ = rc.EnableFullDuplex()
	return &bodySource{
		in: in, body: body, rc: rc,
		want: make(chan struct{}, 1), quit: make(chan struct{}), exited: make(chan struct{}),
	}
}

// stream makes the stream. The high-water mark of zero is what lets the program set the pace.
func (b *bodySource) stream() *readable {
	r := b.in.realm
	b.s, _ = r.newStream(streamSource{ // there is no start function that could fail
		pull: func() (value, error) {
			o, p := r.newPromise()
			b.pulled = p
			b.start()
			b.want <- struct{}{} // there is never more than one pull at a time
			return o, nil
		},
		cancel: func(value) (value, error) {
			b.interrupt()
			return nil, nil
		},
	}, 0, nil)
	return b.s
}

func (b *bodySource) start() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started && !b.stopped {
		b.started = true
		go b.run()
	}
}

// run reads a chunk for each pull.
func (b *bodySource) run() {
	defer close(b.exited)
	for {
		select {
		case <-b.quit:
			return
		case <-b.want:
		}
		buf := make([]byte, bodyChunk)
		n, err := 0, error(nil)
		for n == 0 && err == nil {
			if !b.setReading(true) {
				return
			}
			n, err = b.body.Read(buf)
			b.setReading(false)
		}
		b.in.post(funcTask(func() { b.deliver(buf[:n:n], err) }))
		if err != nil {
			return
		}
	}
}

func (b *bodySource) setReading(reading bool) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reading = reading && !b.stopped
	return !b.stopped
}

// deliver hands the outcome of a read to the stream.
func (b *bodySource) deliver(chunk []byte, err error) {
	r := b.in.realm
	if len(chunk) > 0 && b.s.accepts() {
		_ = b.s.enqueue(r, r.newBytes(chunk)) // it accepts
	}
	switch {
	case err == io.EOF:
		if b.s.accepts() {
			_ = b.s.close(r)
		}
	case err != nil:
		b.s.fail(r, r.newError("TypeError", "The body of the request broke off: "+err.Error()))
	}
	if p := b.pulled; p != nil {
		b.pulled = nil
		p.resolve(r, nil)
	}
}

// interrupt makes the reader go away as soon as it can.
func (b *bodySource) interrupt() (reading bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.stopped {
		b.stopped = true
		close(b.quit)
	}
	return b.reading
}

// stop ends the reading when the response is over. net/http wants the body left alone once the handler has returned,
// and waits for a Read that has not; a deadline ends it. Such a connection cannot serve another request anyway.
func (b *bodySource) stop() {
	defer b.in.post(funcTask(func() {
		if b.s != nil {
			b.s.fail(b.in.realm, b.in.realm.newError("TypeError", "The request is over: its body can no longer be read."))
		}
	}))
	reading := b.interrupt()
	b.mu.Lock()
	started := b.started
	b.mu.Unlock()
	if !started {
		return
	}
	if reading {
		if err := b.rc.SetReadDeadline(time.Unix(1, 0)); err != nil {
			// Not a connection. Closing is what is left, and may not end a Read.
			_ = b.body.Close()
			return
		}
	}
	<-b.exited
}
