package conformance

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

func gapCases() []Case {
	cases := []Case{
		{
			Name:        "gap/nothing-published",
			Explanation: "A client that resumes in a hub that never had an event is told of a gap that leads nowhere.",
			Run:         gapOfNothingCase,
		},
		{
			Name:        "gap/long-id",
			Explanation: "Of an id that nobody could have been given at most 256 bytes are sent back, which are its beginning.",
			Run:         gapLongCase,
		},
		{
			Name:        "gap/leaves-id",
			Explanation: "The gap moves neither the hub's last event id nor the client's: events behind it carry their own.",
			Run:         gapLeavesIDCase,
		},
	}
	for _, g := range []struct {
		name, reason string
		// from is the id, in which EPOCH is the hub's and BEHIND the number after the newest.
		from string
		// queryOnly says that the id cannot be the value of a header.
		queryOnly bool
	}{
		{"other-epoch", "epoch", "0-1", false},
		{"other-epoch-0", "epoch", "0-0", false},
		{"longer-epoch", "epoch", "EPOCH0-1", false},
		{"one-behind-newest", "unknown", "EPOCH-BEHIND", false},
		{"far-behind-newest", "unknown", "EPOCH-18446744073709551615", false},
		{"word", "malformed", "nonsense", false},
		{"number", "malformed", "3", false},
		{"hyphen", "malformed", "-", false},
		{"no-number", "malformed", "EPOCH-", false},
		{"no-epoch", "malformed", "-3", false},
		{"leading-zero", "malformed", "EPOCH-03", false},
		{"sign", "malformed", "EPOCH-+3", false},
		{"negative", "malformed", "EPOCH--3", false},
		{"hexadecimal", "malformed", "EPOCH-0x3", false},
		{"fraction", "malformed", "EPOCH-3.0", false},
		{"list", "malformed", "EPOCH-3, EPOCH-4", false},
		{"past-64-bits", "malformed", "EPOCH-18446744073709551616", false},
		{"earliest-in-capitals", "malformed", "EARLIEST", false},
		{"quoted", "malformed", `"EPOCH-3"`, false},
		{"spaces", "malformed", " EPOCH-3 ", true},
		{"forged-fields", "malformed", "x\n\nevent: forged\rid: 9-9\r\ndata: forged\n\n", true},
		{"nul", "malformed", "EPOCH-3\x00", true},
		{"emoji", "epoch", "🐝\u2028-3", true},
	} {
		for _, by := range []string{"header", "query"} {
			if by == "header" && g.queryOnly {
				continue
			}
			cases = append(cases, Case{
				Name:        fmt.Sprintf("gap/%s-by-%s", g.name, by),
				Explanation: "An id that cannot be honoured is answered in the stream, behind connected, with a gap that says why, and then live events only.",
				Run: func(ctx context.Context, t *Target) error {
					return gapCase(ctx, t, by, g.from, g.reason)
				},
			})
		}
	}
	return cases
}

func gapCase(ctx context.Context, t *Target, by, from, reason string) error {
	hub := t.Hub("gap")
	kept, err := t.fill(ctx, hub, 5, 16)
	if err != nil {
		return err
	}
	epoch, ids, err := idsOf(kept)
	if err != nil {
		return err
	}
	newest, err := ParseID(ids[4])
	if err != nil {
		return err
	}
	from = strings.NewReplacer("EPOCH", epoch, "BEHIND", fmt.Sprint(newest.Seq+1)).Replace(from)
	resume := Resume{Header: from}
	if by == "query" {
		resume = Resume{Query: from}
	}
	s, err := t.SubscribeFrom(ctx, hub, resume)
	if err != nil {
		return err
	}
	e, err := s.Next(ctx)
	if err != nil {
		return err
	}
	if err := control(e, "gap", map[string]any{"reason": reason, "from": from, "to": ids[4]}); err != nil {
		return err
	}
	if e.LastEventID != "" {
		return fmt.Errorf("the client's last event id is %q at the gap, want none", e.LastEventID)
	}
	return publishInOrder(ctx, t, hub, s, 3)
}

func gapOfNothingCase(ctx context.Context, t *Target) error {
	for from, reason := range map[string]string{"0-0": "epoch", "0-7": "epoch", "nonsense": "malformed"} {
		hub := t.Hub("nothing")
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: from})
		if err != nil {
			return err
		}
		if err := s.ExpectControl(ctx, "gap", map[string]any{"reason": reason, "from": from, "to": ""}); err != nil {
			return err
		}
		if err := publishInOrder(ctx, t, hub, s, 2); err != nil {
			return err
		}
	}
	return nil
}

func gapLongCase(ctx context.Context, t *Target) error {
	for _, piece := range []string{"x", "ä", "🐝"} {
		from := "a" + strings.Repeat(piece, 2000/len(piece))
		hub := t.Hub("long")
		s, err := t.SubscribePath(ctx, eventsPath(hub)+"?last_event_id="+url.QueryEscape(from), hub)
		if err != nil {
			return err
		}
		clipped := from[:1+255/len(piece)*len(piece)] // Whole characters of it.
		if err := s.ExpectControl(ctx, "gap", map[string]any{"reason": "malformed", "from": clipped, "to": ""}); err != nil {
			return err
		}
	}
	return nil
}

func gapLeavesIDCase(ctx context.Context, t *Target) error {
	hub := t.Hub("leaves")
	last, err := t.PublishText(ctx, hub, "", "kept")
	if err != nil {
		return err
	}
	s, err := t.SubscribeFrom(ctx, hub, Resume{Header: "0-1"})
	if err != nil {
		return err
	}
	if err := s.ExpectControl(ctx, "gap", map[string]any{"reason": "epoch", "from": "0-1", "to": last}); err != nil {
		return err
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.LastEventID != last {
		return fmt.Errorf("lastEventId is %q behind a gap, want %q", info.LastEventID, last)
	}
	next, err := t.PublishText(ctx, hub, "", "behind")
	if err != nil {
		return err
	}
	if err := follows(last, next); err != nil {
		return err
	}
	if err := s.Expect(ctx, next, "message", "behind"); err != nil {
		return err
	}
	// A client that follows what the gap says has missed nothing since.
	again, err := t.SubscribeFrom(ctx, hub, Resume{Header: last})
	if err != nil {
		return err
	}
	return again.Expect(ctx, next, "message", "behind")
}
