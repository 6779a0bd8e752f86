package conformance

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"
)

func presenceCases() []Case {
	return []Case{
		{
			Name:        "connections/join-and-leave",
			Explanation: "The connections event follows who joins and who leaves, and a leaver is noticed within two heartbeats.",
			Run:         joinLeaveCase,
		},
		{
			Name:        "connections/together",
			Explanation: "When N clients connect together, all learn of N, and it costs far less than N² connections events.",
			Alone:       true,
			Run:         togetherCase,
		},
		{
			Name:        "connections/no-id",
			Explanation: "Connections events have no id, so that they never change what a client resumes from.",
			Run:         noIDCase,
		},
		{
			Name:        "session/ids",
			Explanation: "Session ids are random 128 bits: a hundred simultaneous connects have nothing in common, not even a prefix.",
			Alone:       true,
			Run:         sessionIDCase,
		},
	}
}

// awaitLeave waits until s is told of size, which a leave made true.
func awaitLeave(ctx context.Context, t *Target, s *Subscriber, size int) error {
	ctx, cancel := within(ctx, 2*t.Options.heartbeat()+slack, "noticing who left")
	defer cancel()
	return s.AwaitSize(ctx, size)
}

func joinLeaveCase(ctx context.Context, t *Target) error {
	hub := t.Hub("presence")
	first, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	if err := first.AwaitSize(ctx, 1); err != nil {
		return err
	}
	others, err := subscribeMany(ctx, t, 4, func(int) string { return hub })
	if err != nil {
		return err
	}
	for _, s := range append(others, first) {
		if err := s.AwaitSize(ctx, 5); err != nil {
			return err
		}
	}
	for i, s := range others {
		s.Close()
		if err := awaitLeave(ctx, t, first, len(others)-i); err != nil {
			return err
		}
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.Sessions != 1 {
		return fmt.Errorf("info tells of %d sessions, connections of 1", info.Sessions)
	}
	again, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	return errors.Join(first.AwaitSize(ctx, 2), again.AwaitSize(ctx, 2))
}

func togetherCase(ctx context.Context, t *Target) error {
	const n = 200
	hub := t.Hub("together")
	all, err := subscribeMany(ctx, t, n, func(int) string { return hub })
	if err != nil {
		return err
	}
	total := 0
	for i, s := range all {
		if err := s.AwaitSize(ctx, n); err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
		total += s.Sizes()
	}
	if total >= n*n/4 {
		return fmt.Errorf("%d clients received %d connections events, want fewer than %d", n, total, n*n/4)
	}
	return nil
}

func noIDCase(ctx context.Context, t *Target) error {
	hub := t.Hub("no-id")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	id, err := t.PublishText(ctx, hub, "", "x")
	if err != nil {
		return err
	}
	if err := s.Expect(ctx, id, "message", "x"); err != nil {
		return err
	}
	if _, err := t.Subscribe(ctx, hub); err != nil {
		return err
	}
	if err := s.AwaitSize(ctx, 2); err != nil { // The reader fails at a connections event with an id.
		return err
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.LastEventID != id {
		return fmt.Errorf("lastEventId is %q after a join, want %q of the last published event", info.LastEventID, id)
	}
	return nil
}

func sessionIDCase(ctx context.Context, t *Target) error {
	const n, part = 100, 8
	hub := t.Hub("ids")
	sessions := make([]string, n)
	var g errgroup.Group
	for i := range sessions {
		g.Go(func() error {
			s, err := t.Subscribe(ctx, hub)
			if err != nil {
				return err
			}
			sessions[i] = s.Connected.Session
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	seen := map[string]string{}
	for _, id := range sessions {
		for _, piece := range []string{"starts with " + id[:part], "ends with " + id[len(id)-part:]} {
			if other, ok := seen[piece]; ok {
				return fmt.Errorf("session ids %s and %s: each %s", other, id, piece)
			}
			seen[piece] = id
		}
	}
	return nil
}
