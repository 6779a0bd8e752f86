package conformance

import (
	"context"
	"fmt"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

func logCases() []Case {
	return limited([]Case{
		{
			Name:        "log/count",
			Explanation: "A hub keeps exactly as many events as it may: all of them can be resumed, and from one further back there is a gap.",
			Needs:       func(l Limits) bool { return l.LogCount > 0 && l.LogAge == 0 },
			Run: func(ctx context.Context, t *Target) error {
				return logBound(ctx, t, t.Options.Limits.LogCount, 16)
			},
		},
		{
			Name:        "log/bytes",
			Explanation: "A hub keeps the newest events that are together no larger than its bound.",
			Needs: func(l Limits) bool {
				return l.LogBytes > 0 && l.LogBytes <= 1<<20 && l.LogAge == 0 && (l.LogCount == 0 || l.LogCount >= 2*logEvents)
			},
			Run: func(ctx context.Context, t *Target) error {
				return logBound(ctx, t, logEvents, t.Options.Limits.LogBytes/logEvents)
			},
		},
		{
			Name:        "log/age",
			Explanation: "An event that is older than events are kept cannot be resumed from before, and leaves when another is published.",
			Needs:       func(l Limits) bool { return l.LogAge > 0 },
			Run:         logAgeCase,
		},
		{
			Name:        "log/idempotency",
			Explanation: "An Idempotency-Key is known as long as the log has its event, and is new then.",
			Needs:       func(l Limits) bool { return l.LogCount > 0 && l.LogAge == 0 },
			Run:         logIdempotencyCase,
		},
	})
}

// logEvents is how many events the case of the bound in bytes has fit.
const logEvents = 16

// logBound publishes more events of a size than the log keeps, and checks that it keeps the
// newest.
func logBound(ctx context.Context, t *Target, keeps, size int) error {
	const over = 5
	hub := t.Hub("bound")
	all, err := t.fill(ctx, hub, keeps+over, size)
	if err != nil {
		return err
	}
	epoch, ids, err := idsOf(all)
	if err != nil {
		return err
	}
	newest := ids[len(ids)-1]
	for _, r := range []struct {
		from   string
		gap    bool
		missed []sse.Event
	}{
		{from: "earliest", missed: all[over:]},
		{from: ids[over-1], missed: all[over:]},
		{from: ids[over], missed: all[over+1:]},
		{from: ids[over-2], gap: true},
		{from: ids[0], gap: true},
		{from: epoch + "-0", gap: true},
	} {
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: r.from})
		if err != nil {
			return err
		}
		if r.gap {
			err = s.ExpectControl(ctx, "gap", map[string]any{"reason": "expired", "from": r.from, "to": newest})
		} else {
			err = s.expectAll(ctx, r.missed)
		}
		if err != nil {
			return fmt.Errorf("from %s, when the log should have %s to %s: %w", r.from, ids[over], newest, err)
		}
		// An ephemeral event changes no bound; nothing comes before it.
		if _, err := t.Publish(ctx, hub, Publication{Event: "mark", Data: r.from, Ephemeral: true}); err != nil {
			return err
		}
		e, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if e.Name != "mark" || e.Data != r.from {
			return fmt.Errorf("from %s: received %s behind what was missed", r.from, brief(e))
		}
		s.Close()
	}
	return nil
}

func logAgeCase(ctx context.Context, t *Target) error {
	hub := t.Hub("age")
	old, err := t.fill(ctx, hub, 3, 16)
	if err != nil {
		return err
	}
	epoch, ids, err := idsOf(old)
	if err != nil {
		return err
	}
	if err := wait(ctx, t.Options.Limits.LogAge+100*time.Millisecond); err != nil {
		return err
	}
	gapTo := func(from, to string) error {
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: from})
		if err != nil {
			return err
		}
		return s.ExpectControl(ctx, "gap", map[string]any{"reason": "expired", "from": from, "to": to})
	}
	for _, from := range []string{epoch + "-0", ids[0], ids[1]} {
		if err := gapTo(from, ids[2]); err != nil {
			return err
		}
	}
	s, err := t.SubscribeFrom(ctx, hub, Resume{Header: ids[2]}) // It has missed nothing.
	if err != nil {
		return err
	}
	id, err := t.PublishText(ctx, hub, "", "new")
	if err != nil {
		return err
	}
	if err := s.Expect(ctx, id, "message", "new"); err != nil {
		return err
	}
	for _, from := range []string{"earliest", ids[2]} {
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: from})
		if err != nil {
			return err
		}
		if err := s.Expect(ctx, id, "message", "new"); err != nil {
			return err
		}
	}
	return gapTo(ids[1], id)
}

func logIdempotencyCase(ctx context.Context, t *Target) error {
	hub := t.Hub("forget")
	once := Publication{Data: "x", Once: "once"}
	first, err := t.Publish(ctx, hub, once)
	if err != nil {
		return err
	}
	// With these the log is full, and has the first.
	all, err := t.fill(ctx, hub, t.Options.Limits.LogCount-1, 16)
	if err != nil {
		return err
	}
	if id, err := t.Publish(ctx, hub, once); err != nil || id != first {
		return fmt.Errorf("a repeat was answered with id %q, want the first's, %s (%v)", id, first, err)
	}
	last, err := t.PublishText(ctx, hub, "", "one more")
	if err != nil {
		return err
	}
	if err := follows(all[len(all)-1].LastEventID, last); err != nil {
		return err
	}
	again, err := t.Publish(ctx, hub, once)
	if err != nil {
		return err
	}
	if err := follows(last, again); err != nil {
		return fmt.Errorf("the key of an event that has left the log: %w", err)
	}
	id, err := t.Publish(ctx, hub, once)
	if err == nil && id != again {
		err = fmt.Errorf("a repeat was answered with id %s, want %s", id, again)
	}
	return err
}
