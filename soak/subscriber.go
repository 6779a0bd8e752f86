package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// subscriber reads a hub's events over as many streams as it takes, and fails as soon as one is not the next.
type subscriber struct {
	hub, name string
	url       string
	silence   time.Duration
	client    *http.Client
	counts    *counts
	progress  chan struct{} // has room for one

	mu    sync.Mutex
	epoch string
	after uint64 // the sequence number before the first event that is seen
	seen  []ref
}

// newSubscriber returns one that sees all events of the hub. As with an EventSource, the query stays the same on each
// connection; a Last-Event-ID wins over it.
func newSubscriber(url, hub, name string, silence time.Duration, counts *counts) *subscriber {
	return &subscriber{
		hub: hub, name: name, url: url + "/hubs/" + hub + "/events?last_event_id=earliest", silence: silence,
		client: newClient(), counts: counts, progress: make(chan struct{}, 1),
	}
}

// startAfter makes it see only what follows an event.
func (s *subscriber) startAfter(epoch string, seq uint64) {
	if seq > 0 {
		s.epoch, s.after = epoch, seq
	}
}

func (s *subscriber) String() string { return s.name + " of " + s.hub }

// run subscribes again and again until ctx ends or the contract is broken.
func (s *subscriber) run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	var wait backoff
	for {
		err := s.stream(ctx, wait.reset)
		if errors.Is(err, ErrBroken) {
			return fmt.Errorf("%w (%v, behind %q)", err, s, s.lastEventID())
		}
		if err := wait.wait(ctx); err != nil {
			return err
		}
	}
}

// lastEventID is the id that the next stream starts behind, or "".
func (s *subscriber) lastEventID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == "" {
		return ""
	}
	return eventID{s.epoch, s.after + uint64(len(s.seen))}.String()
}

// stream reads one stream to its end, which is an error always. It calls connected once the host has answered.
func (s *subscriber) stream(ctx context.Context, connected func()) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(s.silence, func() { cancel(broken("a stream was silent for %v", s.silence)) })
	defer watchdog.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return err
	}
	last := s.lastEventID()
	if last != "" {
		req.Header.Set("Last-Event-ID", last)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return whyEnded(ctx, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, err := readAnswer(resp)
		if err != nil {
			return whyEnded(ctx, err)
		}
		return broken("subscribing was answered with %d %.300s", resp.StatusCode, body)
	}
	connected()
	s.counts.streams.Add(1)
	if last != "" {
		s.counts.resumed.Add(1)
	}
	var events streamEvents
	for decoder := sse.NewDecoder(resp.Body); ; {
		item, err := decoder.Next()
		if errors.Is(err, io.EOF) && !events.goodbye {
			s.counts.ended.Add(1)
		}
		if err != nil {
			return whyEnded(ctx, err)
		}
		watchdog.Reset(s.silence)
		if item.Kind != sse.KindEvent {
			continue
		}
		if err := s.event(&events, item.Event); err != nil {
			return err
		}
	}
}

// whyEnded prefers our own reason for an end to the error that it caused.
func whyEnded(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); errors.Is(cause, ErrBroken) {
		return cause
	}
	if errors.Is(err, sse.ErrLineTooLong) {
		return broken("%v", err)
	}
	return err
}

// streamEvents is which of the hub's own events a stream has had.
type streamEvents struct{ connected, goodbye bool }

func (s *subscriber) event(events *streamEvents, e sse.Event) error {
	switch {
	case events.goodbye:
		return broken("%s %.200q comes behind goodbye", e.Name, e.Data)
	case e.Name == "connected" && events.connected, e.Name != "connected" && !events.connected:
		return broken("%s %.200q: connected is not the first event, and only the first", e.Name, e.Data)
	case e.Name != "message" && e.HasID:
		return broken("%s has the id %s", e.Name, e.LastEventID)
	}
	switch e.Name {
	case "connected":
		events.connected = true
	case "goodbye":
		// Nothing else ends a stream in words: the host is killed, not shut down.
		if e.Data != `{"reason":"age","reconnect":true}` {
			return broken("goodbye %s", e.Data)
		}
		events.goodbye = true
		s.counts.aged.Add(1)
	case "connections":
	case "message":
		return s.message(e)
	default:
		return broken("%s %.200q", e.Name, e.Data)
	}
	return nil
}

// message takes a published event, which must be the next.
func (s *subscriber) message(e sse.Event) error {
	if !e.HasID {
		return broken("an event without an id: %.200q", e.Data)
	}
	id, err := parseID(e.LastEventID)
	if err != nil {
		return err
	}
	event, err := parseRef(e.Data)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.epoch == "" {
		s.epoch = id.epoch
	}
	if want := (eventID{s.epoch, s.after + uint64(len(s.seen)) + 1}); id != want {
		return broken("%v should follow, but %v came: %.40q", want, id, e.Data)
	}
	s.seen = append(s.seen, event)
	s.counts.deliveries.Add(1)
	select {
	case s.progress <- struct{}{}:
	default:
	}
	return nil
}

// reach waits until the event seq has been seen. Only one may wait at a time.
func (s *subscriber) reach(ctx context.Context, seq uint64) error {
	for {
		s.mu.Lock()
		at := s.after + uint64(len(s.seen))
		s.mu.Unlock()
		if at >= seq {
			return nil
		}
		select {
		case <-s.progress:
		case <-ctx.Done():
			if errors.Is(ctx.Err(), context.DeadlineExceeded) {
				return broken("%v has come to event %d, and not to the last, %d", s, at, seq)
			}
			return ctx.Err()
		}
	}
}
