package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// maxConnecting is how many subscribers connect at the same time: a server's backlog is not what is measured.
const maxConnecting = 64

// MaxPublishers is how many publishers an [Audience] tells apart.
const MaxPublishers = 256

// Audience is the subscribers of one hub.
type Audience struct {
	began  time.Time
	poller poller
	size   int
	// connected is the name of the event that tells a subscriber that it has joined; "": the head tells.
	connected string

	// pending is what each publisher waits for, in a closed loop.
	pending [MaxPublishers]pending

	mu     sync.Mutex
	filler []byte // of the payloads, behind the mark
	subs   []*subscriber
	joined int // subscribers that are sure to get what is published from now on
	ready  chan struct{}
	window window
	faults Faults
}

// pending is one event on its way to all subscribers.
type pending struct {
	number  atomic.Uint32
	arrived atomic.Int64
	all     chan struct{} // has room for one
}

// window is what a measurement counts.
type window struct {
	from, to   time.Duration // since the audience's beginning; events due within count for the latencies
	open       bool          // what arrives now counts as delivered
	deliveries int64
	latencies  *Histogram
}

// Faults are what must not happen. Each counts deliveries, but for the last two.
type Faults struct {
	Missing   int64 `json:"missing"`   // never arrived
	Doubled   int64 `json:"doubled"`   // arrived again, or behind a later one of the same publisher
	Malformed int64 `json:"malformed"` // arrived otherwise than published
	Disagree  int64 `json:"disagree"`  // subscribers that saw another order than the first one
	Lost      int64 `json:"lost"`      // subscribers whose stream ended
}

// Total is 0 when all went well.
func (f Faults) Total() int64 { return f.Missing + f.Doubled + f.Malformed + f.Disagree + f.Lost }

// subscriber is one open stream.
type subscriber struct {
	begun   bool // the head has been read
	joined  bool
	ended   bool
	head    []byte // of which the end is missing
	body    body
	scanner scanner
	emit    func(name, data []byte)

	last     []uint32 // the number of each publisher's latest event
	received int64
	order    uint64 // a hash of what was received, in its order
}

// Connect opens size streams of the given path at addr ("host:port"), and waits until all have joined: until the head
// has come and, if connected is not empty, an event of that name. Close the audience when it is not needed any more.
func Connect(ctx context.Context, addr, path, connected string, size int) (*Audience, error) {
	a := &Audience{began: time.Now(), size: size, connected: connected, ready: make(chan struct{})}
	a.window.latencies = NewHistogram()
	for i := range a.pending {
		a.pending[i].all = make(chan struct{}, 1)
	}
	var err error
	if a.poller, err = newPoller(&a.mu, a.handle); err != nil {
		return nil, err
	}
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept: text/event-stream\r\n\r\n")
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(maxConnecting)
	for range size {
		s := a.newSubscriber()
		group.Go(func() error { return a.connect(groupCtx, addr, request, s) })
	}
	if err := group.Wait(); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	select {
	case <-a.ready:
		return a, nil
	case <-ctx.Done():
		a.mu.Lock()
		err := fmt.Errorf("loadgen: %d of %d subscribers have joined, %d have ended: %w", a.joined, size, a.faults.Lost, ctx.Err())
		a.mu.Unlock()
		return nil, errors.Join(err, a.Close())
	}
}

func (a *Audience) newSubscriber() *subscriber {
	s := &subscriber{}
	s.emit = func(name, data []byte) {
		switch {
		case len(name) == 0 || string(name) == "message":
			a.receive(s, data)
		case string(name) == a.connected:
			a.join(s)
		}
	}
	a.subs = append(a.subs, s)
	return s
}

func (a *Audience) connect(ctx context.Context, addr string, request []byte, s *subscriber) error {
	conn, err := (&net.Dialer{Timeout: dialTimeout}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("loadgen: %w", err)
	}
	if _, err := conn.Write(request); err != nil {
		return errors.Join(fmt.Errorf("loadgen: %w", err), conn.Close())
	}
	return a.poller.add(conn, s)
}

// Size is how many subscribers there are.
func (a *Audience) Size() int { return a.size }

// Close ends all streams.
func (a *Audience) Close() error { return a.poller.close() }

// now is the time of marks.
func (a *Audience) now() time.Duration { return time.Since(a.began) }

// handle gets what was read, from the poller, which holds mu.
func (a *Audience) handle(s *subscriber, b []byte, err error) {
	if s.ended {
		return
	}
	if err == nil {
		err = a.read(s, b)
	}
	if err != nil || s.body.state == bodyDone && s.begun {
		s.ended = true
		a.faults.Lost++
	}
}

func (a *Audience) read(s *subscriber, b []byte) error {
	if !s.begun {
		s.head = append(s.head, b...)
		h, n, err := parseHead(s.head)
		if n == 0 || err != nil {
			return err
		}
		if h.status != 200 {
			return fmt.Errorf("loadgen: a stream was answered with %d", h.status)
		}
		s.begun, s.body = true, newBody(h)
		b, s.head = s.head[n:], nil
		if a.connected == "" {
			a.join(s)
		}
	}
	for len(b) > 0 && s.body.state != bodyDone {
		var payload []byte
		var err error
		if payload, b, err = s.body.next(b); err != nil {
			return err
		}
		if err = s.scanner.feed(payload, s.emit); err != nil {
			return err
		}
	}
	return nil
}

func (a *Audience) join(s *subscriber) {
	if s.joined {
		return
	}
	s.joined = true
	if a.joined++; a.joined == a.size {
		close(a.ready)
	}
}

// receive counts an event.
func (a *Audience) receive(s *subscriber, data []byte) {
	m, ok := parseMark(data)
	if !ok || m.publisher >= MaxPublishers || !bytes.Equal(data[MinPayload:], a.filler) {
		a.faults.Malformed++
		return
	}
	for int(m.publisher) >= len(s.last) {
		s.last = append(s.last, 0)
	}
	// A gap is not counted here: what never arrives is missing in the end, and what arrives later is behind.
	if last := &s.last[m.publisher]; m.number > *last {
		*last = m.number
	} else {
		a.faults.Doubled++
		return
	}
	s.received++
	s.order = (s.order ^ uint64(m.publisher)<<32 ^ uint64(m.number)) * 0x100000001b3
	if a.window.open {
		a.window.deliveries++
	}
	if m.at >= a.window.from && m.at < a.window.to {
		a.window.latencies.Record(a.now() - m.at)
	}
	p := &a.pending[m.publisher]
	if p.number.Load() == m.number && p.arrived.Add(1) == int64(a.size) {
		select {
		case p.all <- struct{}{}:
		default: // nobody has waited for the one before
		}
	}
}
