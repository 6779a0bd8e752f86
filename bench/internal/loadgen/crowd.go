package loadgen

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"
)

// patience is how long an event may take to all subscribers.
const patience = 20 * time.Second

// errStalled: an event did not arrive at all subscribers.
var errStalled = errors.New("loadgen: an event has not arrived everywhere")

// Crowd is the publishers of one hub. Each has a connection, and publishes one event at a time.
type Crowd struct {
	audience   *Audience
	publishers []*publisher
}

type publisher struct {
	audience *Audience
	client   *client
	id       uint16
	number   uint32
	request  []byte
	payload  []byte // the end of request
}

// NewCrowd connects the publishers of an audience's hub, at most [MaxPublishers]. An event is published by a POST of
// size bytes of text to path, and any status of 200 to 299 means that it was.
func NewCrowd(a *Audience, addr, path string, publishers, size int) (*Crowd, error) {
	if publishers > MaxPublishers {
		return nil, fmt.Errorf("loadgen: %d publishers are more than %d", publishers, MaxPublishers)
	}
	c := &Crowd{audience: a}
	for i := range publishers {
		client, err := dial(addr)
		if err != nil {
			return nil, errors.Join(err, c.Close())
		}
		request, payload := publishRequest(addr, path, size)
		p := &publisher{audience: a, client: client, id: uint16(i), request: request, payload: payload}
		c.publishers = append(c.publishers, p)
	}
	a.mu.Lock()
	a.filler = newPayload(size)[MinPayload:]
	a.mu.Unlock()
	return c, nil
}

// publishRequest is a POST of size bytes of text, and its payload, which is the end of it.
func publishRequest(addr, path string, size int) (request, payload []byte) {
	payload = newPayload(size)
	head := "POST " + path + " HTTP/1.1\r\nHost: " + addr +
		"\r\nContent-Type: text/plain\r\nContent-Length: " + strconv.Itoa(len(payload)) + "\r\n\r\n"
	request = append([]byte(head), payload...)
	return request, request[len(head):]
}

// Close ends the connections.
func (c *Crowd) Close() error {
	var err error
	for _, p := range c.publishers {
		err = errors.Join(err, p.client.close())
	}
	return err
}

// published is how many events there were so far. Nobody may be publishing.
func (c *Crowd) published() int64 {
	var n int64
	for _, p := range c.publishers {
		n += int64(p.number)
	}
	return n
}

// publish publishes an event that was due at at.
func (p *publisher) publish(at time.Duration) error {
	p.number++
	mark{p.id, p.number, at}.put(p.payload)
	status, answer, err := p.client.do(p.request)
	if err == nil && (status < 200 || status > 299) {
		err = fmt.Errorf("loadgen: an event was answered with %d: %.200s", status, answer)
	}
	return err
}

// closed publishes again and again until ctx ends, each time when the event before has arrived everywhere.
func (p *publisher) closed(ctx context.Context) error {
	pending := &p.audience.pending[p.id]
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for ctx.Err() == nil {
		pending.arrived.Store(0)
		pending.number.Store(p.number + 1)
		if err := p.publish(p.audience.now()); err != nil {
			return err
		}
		timer.Reset(patience)
		select {
		case <-pending.all:
		case <-timer.C:
			return errStalled
		}
	}
	return nil
}

// closed runs the first k publishers, each with one event outstanding.
func (c *Crowd) closed(ctx context.Context, k int) error {
	if k > len(c.publishers) {
		return fmt.Errorf("loadgen: %d outstanding events need as many publishers, there are %d", k, len(c.publishers))
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range c.publishers[:k] {
		group.Go(func() error { return p.closed(ctx) })
	}
	return group.Wait()
}

// open publishes rate events a second until ctx ends, by whichever publisher is free. An event that is published late,
// because none is free, counts from when it was due.
func (c *Crowd) open(ctx context.Context, rate float64) error {
	due := make(chan time.Duration)
	group, ctx := errgroup.WithContext(ctx)
	for _, p := range c.publishers {
		group.Go(func() error {
			for at := range due {
				if err := p.publish(at); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		defer close(due)
		start := c.audience.now()
		timer := time.NewTimer(0)
		defer timer.Stop()
		for i := 0; ; i++ {
			at := start + time.Duration(float64(i)/rate*float64(time.Second))
			timer.Reset(at - c.audience.now())
			select {
			case <-timer.C:
			case <-ctx.Done():
				return nil
			}
			select {
			case due <- at:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return group.Wait()
}
