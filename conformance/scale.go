package conformance

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

func scaleCases() []Case {
	return []Case{{
		Name:        "scale/1000-hubs",
		Explanation: "A thousand hubs live at once: each serves its subscriber its own event.",
		Alone:       true,
		Run:         thousandHubsCase,
	}}
}

func thousandHubsCase(ctx context.Context, t *Target) error {
	const n = 1000
	base := t.Hub("many")
	name := func(i int) string { return fmt.Sprintf("%s-%d", base, i) }
	all, err := subscribeMany(ctx, t, n, name)
	if err != nil {
		return err
	}
	ids := make([]string, n)
	var g errgroup.Group
	g.SetLimit(32)
	for i := range ids {
		g.Go(func() (err error) {
			ids[i], err = t.PublishText(ctx, name(i), "", name(i))
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for i, s := range all {
		if err := s.Expect(ctx, ids[i], "message", name(i)); err != nil {
			return fmt.Errorf("hub %d: %w", i, err)
		}
	}
	for i, s := range all {
		if err := s.Unread(); err != nil {
			return fmt.Errorf("hub %d: %w", i, err)
		}
	}
	return nil
}
