package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"
)

func ageCases() []Case {
	return limited([]Case{
		{
			Name:        "age/jitter",
			Explanation: "Each stream ends with a goodbye at the maximum age, give or take a tenth, and not all at once.",
			Needs:       func(l Limits) bool { return l.MaxAge > 0 && l.MaxSessions == 0 },
			Run:         ageJitterCase,
		},
		{
			Name:        "age/resume",
			Explanation: "Clients that come back after each goodbye have every event once, in order, without holes.",
			Needs:       func(l Limits) bool { return l.MaxAge > 0 && l.MaxSessions == 0 },
			Run:         ageResumeCase,
		},
	})
}

// goodbyeOfAge is the data of the goodbye at the maximum age.
var goodbyeOfAge = map[string]any{"reason": "age", "reconnect": true}

func ageJitterCase(ctx context.Context, t *Target) error {
	const n = 40
	age := t.Options.Limits.MaxAge
	hub := t.Hub("age")
	ages := make([]time.Duration, n)
	var g errgroup.Group
	for i := range ages {
		// Sessions that come one after the other tell whether each ends at its own age.
		if err := wait(ctx, age/100); err != nil {
			return err
		}
		begin := time.Now()
		s, err := t.Subscribe(ctx, hub)
		if err != nil {
			return err
		}
		g.Go(func() error {
			if err := s.ExpectControl(ctx, "goodbye", goodbyeOfAge); err != nil {
				return err
			}
			ages[i] = time.Since(begin)
			return s.ExpectEnd(ctx)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	slices.Sort(ages)
	youngest, oldest := ages[0], ages[n-1]
	if youngest < age-age/10 || oldest > age+age/10+slack {
		return fmt.Errorf("streams ended at ages of %v to %v, want %v to %v", youngest, oldest, age-age/10, age+age/10)
	}
	// Of forty that are spread evenly, ten percent lie within any tenth of the range.
	if spread := ages[n-n/10] - ages[n/10]; spread < age/20 {
		return fmt.Errorf("most streams ended within %v of each other, want them spread over %v: %v", spread, age/5, ages)
	}
	info, err := t.Info(ctx, hub)
	if err == nil && info.Sessions != 0 {
		err = fmt.Errorf("%d sessions are left when all streams have ended", info.Sessions)
	}
	return err
}

func ageResumeCase(ctx context.Context, t *Target) error {
	const clients, goodbyes = 10, 2
	hub := t.Hub("ages")
	publishers, err := t.publishAlong(ctx, hub, 2, 40*time.Millisecond)
	if err != nil {
		return err
	}
	followers := make([]*follower, clients)
	var g errgroup.Group
	for i := range followers {
		f := &follower{hub: hub, last: publishers.start}
		followers[i] = f
		g.Go(func() error {
			for range goodbyes {
				if err := f.untilGoodbye(ctx, t); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err = g.Wait()
	sent, stopErr := publishers.stop()
	if err := errors.Join(err, stopErr); err != nil {
		return err
	}
	for i, f := range followers {
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: f.last})
		if err == nil {
			err = f.readTo(ctx, s, sent[len(sent)-1].LastEventID)
		}
		if err == nil && !slices.Equal(f.got, sent[1:]) {
			err = errors.New("it has other events than were published")
		}
		if err != nil {
			return fmt.Errorf("client %d: %w", i, err)
		}
	}
	return nil
}

// untilGoodbye resumes, and processes events until the stream says goodbye and ends.
func (f *follower) untilGoodbye(ctx context.Context, t *Target) error {
	s, err := t.SubscribeFrom(ctx, f.hub, Resume{Header: f.last})
	if err != nil {
		return err
	}
	for {
		e, err := s.Next(ctx)
		if err != nil {
			return err
		}
		if e.Name != "goodbye" {
			if err := f.take(e); err != nil {
				return err
			}
			continue
		}
		if err := control(e, "goodbye", goodbyeOfAge); err != nil {
			return err
		}
		return s.ExpectEnd(ctx)
	}
}
