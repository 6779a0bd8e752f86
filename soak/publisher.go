package soak

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

// ref names an event: the n-th of a publisher.
type ref struct{ publisher, n int }

// maxPadding is the most that is behind the name in an event's data.
const maxPadding = 600

// data is what is published: the event's name, and padding that follows from it, so that any alteration shows.
func (r ref) data() string {
	padding := strings.Repeat("x", (r.n*211+r.publisher*97)%maxPadding)
	if r.n%5 == 0 {
		padding += "\né🙂" // More than one line, and more than ASCII.
	}
	return fmt.Sprintf("%d %d %s", r.publisher, r.n, padding)
}

// parseRef is the inverse of data.
func parseRef(data string) (ref, error) {
	fields := strings.SplitN(data, " ", 3)
	if len(fields) == 3 {
		publisher, err := strconv.Atoi(fields[0])
		n, err2 := strconv.Atoi(fields[1])
		if r := (ref{publisher, n}); errors.Join(err, err2) == nil && publisher >= 0 && n >= 0 && r.data() == data {
			return r, nil
		}
	}
	return ref{}, broken("an event has data that nobody published: %.200q", data)
}

// publication is an event that was published, and what came of it.
type publication struct {
	ref
	hub string
	// key is the Idempotency-Key; without one it is published once.
	key string
	// id is what the host answered, or "" when no answer came.
	id string
}

// request publishes every other event as JSON, the others as text.
func (p publication) request(ctx context.Context, url string) (*http.Request, error) {
	contentType, body := "text/plain", p.data()
	if p.n%2 == 0 {
		b, err := json.Marshal(map[string]string{"data": body})
		if err != nil {
			return nil, err
		}
		contentType, body = "application/json", string(b)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+"/hubs/"+p.hub+"/events", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.GetBody = nil // With it, net/http would itself repeat a request that has a key, and nobody would count it.
	req.Header.Set("Content-Type", contentType)
	if p.key != "" {
		req.Header.Set("Idempotency-Key", p.key)
	}
	return req, nil
}

// rush has publishers publish without a pause while it is on: what a host acknowledges too early is lost only by a kill
// that comes right then.
type rush struct{ on atomic.Pointer[chan struct{}] }

func newRush() *rush {
	r := &rush{}
	r.end()
	return r
}

func (r *rush) begin() { close(*r.on.Load()) }

func (r *rush) end() {
	c := make(chan struct{})
	r.on.Store(&c)
}

// C is closed while the rush is on.
func (r *rush) C() <-chan struct{} { return *r.on.Load() }

type publisher struct {
	index    int
	url      string
	hubs     []string
	patience time.Duration
	rnd      *rand.Rand
	client   *http.Client
	rush     *rush
	counts   *counts
	// published is read by others when run has returned.
	published []publication
}

func newPublisher(url string, index int, hubs []string, opts Options, rush *rush, counts *counts) *publisher {
	return &publisher{
		index: index, url: url, hubs: hubs, patience: opts.Patience, client: newClient(), rush: rush, counts: counts,
		rnd: rand.New(rand.NewPCG(opts.Seed, 1+uint64(index))),
	}
}

// run publishes bursts of events until stop is closed.
func (p *publisher) run(ctx context.Context, stop <-chan struct{}) error {
	defer p.client.CloseIdleConnections()
	for {
		for range 1 + p.rnd.IntN(maxBurst) {
			if err := p.publish(ctx); err != nil {
				return err
			}
		}
		timer := time.NewTimer(time.Duration(p.rnd.Int64N(int64(maxPause))))
		select {
		case <-timer.C:
		case <-p.rush.C():
		case <-stop:
		case <-ctx.Done():
		}
		timer.Stop()
		select {
		case <-stop:
			return nil
		default:
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// publish publishes one event: one of four without a key and once, the others until they are acknowledged. An
// acknowledged one is sometimes repeated.
func (p *publisher) publish(ctx context.Context) error {
	p.published = append(p.published, publication{ref: ref{p.index, len(p.published)}, hub: p.hubs[p.rnd.IntN(len(p.hubs))]})
	pub := &p.published[len(p.published)-1]
	if p.rnd.IntN(4) > 0 {
		pub.key = fmt.Sprintf("%d-%d", pub.publisher, pub.n)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience,
		broken("%s: event %d of publisher %d was not acknowledged within %v", pub.hub, pub.n, pub.publisher, p.patience))
	defer cancel()
	var wait backoff
	for {
		id, err := p.attempt(ctx, *pub)
		switch {
		case err == nil:
			p.counts.acknowledged.Add(1)
			pub.id = id
			return p.repeat(ctx)
		case errors.Is(err, ErrBroken):
			return err
		}
		if !errors.Is(err, syscall.ECONNREFUSED) {
			p.counts.lost.Add(1)
		}
		if wait.wait(ctx) != nil {
			return context.Cause(ctx)
		}
		if pub.key == "" {
			return nil
		}
		p.counts.retries.Add(1)
	}
}

// repeat publishes one of the last events again, now and then, and wants the same answer.
func (p *publisher) repeat(ctx context.Context) error {
	pub := p.published[len(p.published)-1-p.rnd.IntN(min(len(p.published), 100))]
	if p.rnd.IntN(16) > 0 || pub.key == "" {
		return nil
	}
	id, err := p.attempt(ctx, pub)
	switch {
	case errors.Is(err, ErrBroken):
		return err
	case err != nil:
		return nil // The host is down; the next event waits until it is back.
	case id != pub.id:
		return broken("%s: the key %s was answered with %s, and repeated with %s", pub.hub, pub.key, pub.id, id)
	}
	p.counts.repeats.Add(1)
	return nil
}

// attempt publishes once. An error that is not ErrBroken means that the connection failed before the answer was read.
func (p *publisher) attempt(ctx context.Context, pub publication) (id string, err error) {
	req, err := pub.request(ctx, p.url)
	if err != nil {
		return "", err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return "", err
	}
	body, err := readAnswer(resp)
	if err != nil {
		return "", err
	}
	var answer struct{ ID string }
	if resp.StatusCode != http.StatusOK || json.Unmarshal(body, &answer) != nil {
		return "", broken("%s: event %d of publisher %d was answered with %d %.300s", pub.hub, pub.n, pub.publisher, resp.StatusCode, body)
	}
	if _, err := parseID(answer.ID); err != nil {
		return "", fmt.Errorf("%s: event %d of publisher %d: %w", pub.hub, pub.n, pub.publisher, err)
	}
	return answer.ID, nil
}

func publicationsTo(hub string, publishers []*publisher) []publication {
	var list []publication
	for _, p := range publishers {
		for _, pub := range p.published {
			if pub.hub == hub {
				list = append(list, pub)
			}
		}
	}
	return list
}
