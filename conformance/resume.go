package conformance

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// defaultRetry is the reconnection time of a server that was not configured otherwise.
const defaultRetry = 2 * time.Second

func resumeCases() []Case {
	cases := resumeFromCases()
	return append(cases,
		Case{
			Name:        "resume/same-events",
			Explanation: "An event is replayed as it was live: name, every line of data, and id.",
			Run:         sameEventsCase,
		},
		Case{
			Name:        "resume/nothing-published",
			Explanation: "Earliest and latest of a hub without events replay nothing, and are no gap.",
			Run: func(ctx context.Context, t *Target) error {
				for _, id := range []string{"earliest", "latest"} {
					hub := t.Hub("resume")
					s, err := t.SubscribeFrom(ctx, hub, Resume{Query: id})
					if err != nil {
						return err
					}
					if err := publishInOrder(ctx, t, hub, s, 2); err != nil {
						return fmt.Errorf("%s: %w", id, err)
					}
				}
				return nil
			},
		},
		Case{
			Name:        "resume/while-publishing",
			Explanation: "Clients that go and come back ten times while four publishers run have every event once, in order, without holes.",
			Alone:       true,
			Run:         whilePublishingCase,
		},
		Case{
			Name:        "stream/retry",
			Explanation: "A stream says before its first event how long its client should wait before it reconnects.",
			Run:         func(ctx context.Context, t *Target) error { return retryCase(ctx, t, defaultRetry) },
		},
	)
}

func resumeFromCases() []Case {
	var cases []Case
	for _, r := range []struct {
		name string
		// from returns where to resume, given the epoch and the ids of five events.
		from func(epoch string, ids []string) Resume
		// seen is how many of the five are not replayed.
		seen int
	}{
		{"header-oldest", func(_ string, ids []string) Resume { return Resume{Header: ids[0]} }, 1},
		{"header-middle", func(_ string, ids []string) Resume { return Resume{Header: ids[2]} }, 3},
		{"header-newest", func(_ string, ids []string) Resume { return Resume{Header: ids[4]} }, 5},
		{"header-epoch-0", func(epoch string, _ []string) Resume { return Resume{Header: epoch + "-0"} }, 0},
		{"header-earliest", func(string, []string) Resume { return Resume{Header: "earliest"} }, 0},
		{"header-latest", func(string, []string) Resume { return Resume{Header: "latest"} }, 5},
		{"query-oldest", func(_ string, ids []string) Resume { return Resume{Query: ids[0]} }, 1},
		{"query-middle", func(_ string, ids []string) Resume { return Resume{Query: ids[2]} }, 3},
		{"query-newest", func(_ string, ids []string) Resume { return Resume{Query: ids[4]} }, 5},
		{"query-epoch-0", func(epoch string, _ []string) Resume { return Resume{Query: epoch + "-0"} }, 0},
		{"query-earliest", func(string, []string) Resume { return Resume{Query: "earliest"} }, 0},
		{"query-latest", func(string, []string) Resume { return Resume{Query: "latest"} }, 5},
		{"without-id", func(string, []string) Resume { return Resume{} }, 5},
		{"header-over-query", func(_ string, ids []string) Resume { return Resume{Header: ids[3], Query: ids[0]} }, 4},
		{"header-over-earliest", func(_ string, ids []string) Resume { return Resume{Header: ids[2], Query: "earliest"} }, 3},
		{"header-over-latest", func(_ string, ids []string) Resume { return Resume{Header: ids[2], Query: "latest"} }, 3},
		{"header-over-nonsense", func(_ string, ids []string) Resume { return Resume{Header: ids[2], Query: "nonsense"} }, 3},
	} {
		cases = append(cases, Case{
			Name:        "resume/" + r.name,
			Explanation: "A client that resumes gets exactly what it missed, and then live events; a header wins over the query.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("resume")
				missed, err := t.fill(ctx, hub, 5, 16)
				if err != nil {
					return err
				}
				epoch, ids, err := idsOf(missed)
				if err != nil {
					return err
				}
				s, err := t.SubscribeFrom(ctx, hub, r.from(epoch, ids))
				if err != nil {
					return err
				}
				if err := s.expectAll(ctx, missed[r.seen:]); err != nil {
					return err
				}
				return publishInOrder(ctx, t, hub, s, 3)
			},
		})
	}
	return cases
}

// fill publishes n events of size bytes of data, and returns them as a subscriber sees them.
func (t *Target) fill(ctx context.Context, hub string, n, size int) ([]sse.Event, error) {
	var mu sync.Mutex
	sent := make(map[string]string, n)
	var g errgroup.Group
	g.SetLimit(8)
	for i := range n {
		g.Go(func() error {
			data := fmt.Sprintf("%0*d", size, i)
			id, err := t.PublishText(ctx, hub, "", data)
			mu.Lock()
			defer mu.Unlock()
			sent[id] = data
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	if len(sent) != n {
		return nil, fmt.Errorf("%d different ids were answered to %d publishes", len(sent), n)
	}
	return eventsOf(sent)
}

// eventsOf returns what was sent, id to data, as the events of a stream.
func eventsOf(sent map[string]string) ([]sse.Event, error) {
	ids, err := inOrder(sent)
	events := make([]sse.Event, len(ids))
	for i, id := range ids {
		events[i] = sse.Event{Name: "message", Data: sent[id], LastEventID: id, HasID: true}
	}
	return events, err
}

func idsOf(events []sse.Event) (epoch string, ids []string, err error) {
	for _, e := range events {
		ids = append(ids, e.LastEventID)
	}
	id, err := ParseID(ids[0])
	return id.Epoch, ids, err
}

// expectAll returns an error unless these are the next events.
func (s *Subscriber) expectAll(ctx context.Context, want []sse.Event) error {
	for i, e := range want {
		if err := s.Expect(ctx, e.LastEventID, e.Name, e.Data); err != nil {
			return fmt.Errorf("event %d of %d: %w", i+1, len(want), err)
		}
	}
	return nil
}

func sameEventsCase(ctx context.Context, t *Target) error {
	hub := t.Hub("same")
	live, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	sent := []Publication{
		{Data: "plain"}, {Data: ""}, {Event: "named", Data: "a\r\nb\n\nc\r"}, {Event: "🐝 : x", Data: "grüße\x00\u2028"},
		{Event: "keyed", Data: "k", Key: "key"}, {Data: "x\n\nevent: forged\nid: 9-9\n\n"}, {Data: strings.Repeat("\n", MaxData)},
		{Data: strings.Repeat("x", MaxData), Once: t.Hub("once")},
	}
	var seen []sse.Event
	for _, p := range sent {
		id, err := t.Publish(ctx, hub, p)
		if err != nil {
			return err
		}
		e, err := live.Next(ctx)
		if err != nil {
			return err
		}
		if e.LastEventID != id {
			return fmt.Errorf("received %s, want id %s", brief(e), id)
		}
		seen = append(seen, e)
	}
	later, err := t.SubscribeFrom(ctx, hub, Resume{Query: "earliest"})
	if err != nil {
		return err
	}
	if err := later.expectAll(ctx, seen); err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, later, 1)
}

// follower is a client that remembers over its sessions what a browser would.
type follower struct {
	hub  string
	last string // the id of the newest event that it has processed
	got  []sse.Event
}

// take processes an event that must be the one behind the last.
func (f *follower) take(e sse.Event) error {
	if !e.HasID {
		return fmt.Errorf("received %s behind id %s, want a published event", brief(e), f.last)
	}
	if err := follows(f.last, e.LastEventID); err != nil {
		return fmt.Errorf("received %s: %w", brief(e), err)
	}
	f.last = e.LastEventID
	f.got = append(f.got, e)
	return nil
}

// read processes the next n events of the session.
func (f *follower) read(ctx context.Context, s *Subscriber, n int) error {
	for range n {
		e, err := s.Next(ctx)
		if err == nil {
			err = f.take(e)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// readTo processes the session's events up to the one with that id.
func (f *follower) readTo(ctx context.Context, s *Subscriber, id string) error {
	for f.last != id {
		if err := f.read(ctx, s, 1); err != nil {
			return err
		}
	}
	return nil
}

// publishers publish to a hub until stop is called, which returns everything that they have
// published, beginning with the event start.
type publishers struct {
	start string
	stop  func() ([]sse.Event, error)
}

// publishAlong runs n publishers, each of which publishes at most once in every interval.
func (t *Target) publishAlong(ctx context.Context, hub string, n int, every time.Duration) (*publishers, error) {
	start, err := t.PublishText(ctx, hub, "", "start")
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	sent := map[string]string{start: "start"}
	done := make(chan struct{})
	g, ctx := errgroup.WithContext(ctx)
	for p := range n {
		g.Go(func() error {
			ticker := time.NewTicker(every)
			defer ticker.Stop()
			for i := 0; ; i++ {
				select {
				case <-done:
					return nil
				case <-ctx.Done():
					return context.Cause(ctx)
				case <-ticker.C:
				}
				data := fmt.Sprintf("publisher %d, event %d", p, i)
				id, err := t.PublishText(ctx, hub, "", data)
				if err != nil {
					return err
				}
				mu.Lock()
				sent[id] = data
				mu.Unlock()
			}
		})
	}
	return &publishers{start, func() ([]sse.Event, error) {
		close(done)
		if err := g.Wait(); err != nil {
			return nil, err
		}
		return eventsOf(sent)
	}}, nil
}

func whilePublishingCase(ctx context.Context, t *Target) error {
	const clients, comings, atMost = 8, 10, 25
	hub := t.Hub("while")
	publishers, err := t.publishAlong(ctx, hub, 4, 10*time.Millisecond)
	if err != nil {
		return err
	}
	seed := rand.Uint64()
	followers := make([]*follower, clients)
	sessions := make([]*Subscriber, clients)
	var g errgroup.Group
	for i := range followers {
		f := &follower{hub: hub, last: publishers.start}
		followers[i] = f
		random := rand.New(rand.NewPCG(seed, uint64(i)))
		g.Go(func() (err error) {
			from := Resume{Query: f.last}
			for range comings {
				s, err := t.SubscribeFrom(ctx, hub, from)
				if err != nil {
					return err
				}
				if err := f.read(ctx, s, random.IntN(atMost)); err != nil {
					return err
				}
				s.Close() // With what it has received beyond that unread.
				from.Header = f.last
			}
			sessions[i], err = t.SubscribeFrom(ctx, hub, from)
			return err
		})
	}
	err = g.Wait()
	sent, stopErr := publishers.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return fmt.Errorf("seed %d: %w", seed, err)
	}
	for i, f := range followers {
		err := f.readTo(ctx, sessions[i], sent[len(sent)-1].LastEventID)
		if err == nil && !slices.Equal(f.got, sent[1:]) {
			err = errors.New("it has other events than were published")
		}
		if err == nil {
			err = sessions[i].Unread()
		}
		if err != nil {
			return fmt.Errorf("seed %d, client %d: %w", seed, i, err)
		}
	}
	return nil
}

func retryCase(ctx context.Context, t *Target, want time.Duration) error {
	s, err := t.Subscribe(ctx, t.Hub("retry"))
	if err == nil && s.Retry != want {
		err = fmt.Errorf("retry is %v before the first event (0: not named), want %v", s.Retry, want)
	}
	return err
}
