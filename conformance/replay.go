package conformance

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// A log as full as it can be by default, nearly: some events are published behind it.
const (
	replayEvents = 950
	replayData   = 4 << 10
)

func replayCases() []Case {
	return []Case{
		{
			Name:        "replay/delays-nobody",
			Explanation: "While clients that do not read are sent almost a thousand events, live events reach another session promptly.",
			Alone:       true,
			Run:         delaysNobodyCase,
		},
		{
			Name:        "replay/slow-reader",
			Explanation: "A client that begins late to read several MiB of replay, and reads slowly, gets all of it and what was published meanwhile.",
			Run:         slowReplayCase,
		},
		{
			Name:        "replay/expires-meanwhile",
			Explanation: "When events leave the log before a replay has come to them, the client is told of a gap, from the last event that it got.",
			Group:       Limited,
			Needs:       func(l Limits) bool { return l.largeLog() },
			Run:         expiresMeanwhileCase,
		},
		{
			Name:        "replay/ended-meanwhile",
			Explanation: "A session that is ended during its replay gets a beginning of it, goodbye and the end, and resumes the rest.",
			Group:       Limited,
			Needs:       func(l Limits) bool { return l.largeLog() },
			Run:         endedMeanwhileCase,
		},
	}
}

func delaysNobodyCase(ctx context.Context, t *Target) error {
	const stalls, live, promptly = 4, 25, 2 * time.Second
	hub := t.Hub("delays")
	if _, err := t.fill(ctx, hub, replayEvents, replayData); err != nil {
		return err
	}
	healthy, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	for range stalls {
		s, err := t.stall(ctx, hub, "earliest")
		if err != nil {
			return err
		}
		defer s.Close()
	}
	for i := range live {
		ctx, cancel := within(ctx, promptly, "a live event beside replays")
		err := publishInOrder(ctx, t, hub, healthy, 1)
		cancel()
		if err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return healthy.AwaitSize(ctx, 1+stalls) // Nobody was cut.
}

// paced reads a piece in every interval.
type paced struct {
	ctx   context.Context
	r     io.Reader
	piece int
	every time.Duration
}

func (p paced) Read(b []byte) (int, error) {
	if err := wait(p.ctx, p.every); err != nil {
		return 0, err
	}
	return p.r.Read(b[:min(len(b), p.piece)])
}

func slowReplayCase(ctx context.Context, t *Target) error {
	hub := t.Hub("paced")
	missed, err := t.fill(ctx, hub, replayEvents, replayData)
	if err != nil {
		return err
	}
	watcher, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	slow, err := t.stall(ctx, hub, "earliest")
	if err != nil {
		return err
	}
	defer slow.Close()
	if err := watcher.AwaitSize(ctx, 2); err != nil {
		return err
	}
	for range 2 { // Long enough for what does not wait for its reader to be sent.
		if err := awaitHeartbeat(ctx, t, watcher); err != nil {
			return err
		}
	}
	meanwhile, err := t.fill(ctx, hub, 5, 16)
	if err != nil {
		return err
	}
	reader, err := slow.follow(ctx, func(r io.Reader) io.Reader {
		return paced{ctx: ctx, r: r, piece: 16 << 10, every: 4 * time.Millisecond}
	})
	if err != nil {
		return err
	}
	if err := reader.expectAll(ctx, append(missed, meanwhile...)); err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, reader, 3)
}

// stalledReplay publishes as much as the log keeps, and opens a session that is to get all of it
// and reads nothing.
func (t *Target) stalledReplay(ctx context.Context, hub string) (missed []sse.Event, slow *stalled, err error) {
	missed, err = t.fill(ctx, hub, t.Options.Limits.LogCount, MaxData)
	if err != nil {
		return nil, nil, err
	}
	watcher, err := t.Subscribe(ctx, hub)
	if err != nil {
		return nil, nil, err
	}
	defer watcher.Close()
	if slow, err = t.stall(ctx, hub, "earliest"); err != nil {
		return nil, nil, err
	}
	if err := watcher.AwaitSize(ctx, 2); err != nil {
		return nil, nil, err
	}
	return missed, slow, t.expectReplaying(ctx, hub, "earliest")
}

func expiresMeanwhileCase(ctx context.Context, t *Target) error {
	hub := t.Hub("meanwhile")
	missed, slow, err := t.stalledReplay(ctx, hub)
	if err != nil {
		return err
	}
	defer slow.Close()
	// None of what the client has missed is left behind these, which are small: live, they
	// do not make it a slow one.
	others, err := t.fill(ctx, hub, t.Options.Limits.LogCount, 16)
	if err != nil {
		return err
	}
	reader, err := slow.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	got, e, err := reader.prefix(ctx, missed)
	if err != nil {
		return err
	}
	if got == 0 {
		return fmt.Errorf("received %s before any of the replay", brief(e))
	}
	// The replay goes on, and comes to the gap, at some time while the others are published.
	from := missed[got-1].LastEventID
	for i, other := range others {
		if control(e, "gap", map[string]any{"reason": "expired", "from": from, "to": other.LastEventID}) == nil {
			if err := reader.expectAll(ctx, others[i+1:]); err != nil {
				return fmt.Errorf("behind the gap: %w", err)
			}
			return publishInOrder(ctx, t, hub, reader, 2)
		}
	}
	return fmt.Errorf("received %s behind %d of %d events, want a gap that has expired, from %s to one of the %d published since",
		brief(e), got, len(missed), from, len(others))
}

// prefix reads events that must be the first of want, and returns how many came before the
// first without an id, and that.
func (s *Subscriber) prefix(ctx context.Context, want []sse.Event) (n int, e sse.Event, err error) {
	for ; ; n++ {
		if e, err = s.Next(ctx); err != nil {
			return n, e, fmt.Errorf("behind %d of %d events of the replay: %w", n, len(want), err)
		}
		if !e.HasID {
			return n, e, nil
		}
		if n == len(want) || e != want[n] {
			return n, e, fmt.Errorf("event %d of the replay is %s", n, brief(e))
		}
	}
}

func endedMeanwhileCase(ctx context.Context, t *Target) error {
	hub := t.Hub("ended")
	missed, slow, err := t.stalledReplay(ctx, hub)
	if err != nil {
		return err
	}
	defer slow.Close()
	page, err := t.Sessions(ctx, hub, "")
	if err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if s.Resumed == "earliest" {
			err = t.EndSession(ctx, hub, s.ID, "reason=enough")
		}
	}
	if err != nil {
		return err
	}
	reader, err := slow.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	got, e, err := reader.prefix(ctx, missed)
	if err != nil {
		return err
	}
	if err := control(e, "goodbye", map[string]any{"reason": "enough", "reconnect": true}); err != nil {
		return fmt.Errorf("behind %d of %d events: %w", got, len(missed), err)
	}
	if err := reader.ExpectEnd(ctx); err != nil {
		return err
	}
	if got == 0 || got == len(missed) {
		return fmt.Errorf("%d of %d events came before the goodbye, want a part of them", got, len(missed))
	}
	resumed, err := t.SubscribeFrom(ctx, hub, Resume{Header: missed[got-1].LastEventID})
	if err != nil {
		return err
	}
	return resumed.expectAll(ctx, missed[got:])
}

// expectReplaying returns an error unless the hub lists a session that resumed from there and
// is still behind.
func (t *Target) expectReplaying(ctx context.Context, hub, from string) error {
	page, err := t.Sessions(ctx, hub, "")
	if err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if s.Resumed == from && !s.Live {
			return nil
		}
	}
	return fmt.Errorf("among the sessions %+v none resumes from %s and is not live", page.Sessions, from)
}
