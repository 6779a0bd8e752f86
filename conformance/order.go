package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"
)

func orderCases() []Case {
	return []Case{
		{
			Name:        "order/100-subscribers-10-publishers",
			Explanation: "Under ten concurrent publishers a hundred subscribers receive the same events with the same ids, in one order without holes.",
			Alone:       true,
			Run:         orderCase,
		},
		{
			Name:        "order/one-publisher",
			Explanation: "Events of one publisher arrive in the order in which it was answered, their ids counting up by one.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("sequence")
				s, err := t.Subscribe(ctx, hub)
				if err != nil {
					return err
				}
				return publishInOrder(ctx, t, hub, s, 50)
			},
		},
		{
			Name:        "order/hubs-apart",
			Explanation: "An event of one hub is not heard in another, and each hub counts its own ids.",
			Run:         apartCase,
		},
		{
			Name:        "order/info",
			Explanation: "A hub's information names it, counts its sessions and has the last published id, empty before the first event.",
			Run:         infoCase,
		},
	}
}

func publishInOrder(ctx context.Context, t *Target, hub string, s *Subscriber, n int) error {
	previous := ""
	for i := range n {
		data := fmt.Sprint("event ", i)
		id, err := t.PublishJSON(ctx, hub, "", data)
		if err != nil {
			return err
		}
		if previous != "" {
			if err := follows(previous, id); err != nil {
				return err
			}
		}
		previous = id
		if err := s.Expect(ctx, id, "message", data); err != nil {
			return err
		}
	}
	return nil
}

// subscribeMany opens n sessions of the hub that name returns for each, a bounded
// number at a time.
func subscribeMany(ctx context.Context, t *Target, n int, name func(int) string) ([]*Subscriber, error) {
	subscribers := make([]*Subscriber, n)
	var g errgroup.Group
	g.SetLimit(64)
	for i := range subscribers {
		g.Go(func() (err error) {
			subscribers[i], err = t.Subscribe(ctx, name(i))
			return err
		})
	}
	return subscribers, g.Wait()
}

func orderCase(ctx context.Context, t *Target) error {
	const subscribers, publishers, each = 100, 10, 20
	hub := t.Hub("order")
	all, err := subscribeMany(ctx, t, subscribers, func(int) string { return hub })
	if err != nil {
		return err
	}
	var mu sync.Mutex
	sent := map[string]string{}
	var g errgroup.Group
	for p := range publishers {
		g.Go(func() error {
			previous := uint64(0)
			for i := range each {
				data := fmt.Sprintf("publisher %d, event %d", p, i)
				id, err := t.PublishText(ctx, hub, "", data)
				if err != nil {
					return err
				}
				parsed, err := ParseID(id)
				if err != nil {
					return err
				}
				if parsed.Seq <= previous {
					return fmt.Errorf("id %s was answered after sequence %d", id, previous)
				}
				previous = parsed.Seq
				mu.Lock()
				sent[id] = data
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	if len(sent) != publishers*each {
		return fmt.Errorf("%d different ids were answered to %d publishes", len(sent), publishers*each)
	}
	ordered, err := inOrder(sent)
	if err != nil {
		return err
	}
	for i, s := range all {
		for _, id := range ordered {
			if err := s.Expect(ctx, id, "message", sent[id]); err != nil {
				return fmt.Errorf("subscriber %d: %w", i, err)
			}
		}
		if err := s.Unread(); err != nil {
			return fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	return nil
}

// inOrder returns the ids by sequence number, and an error when there is a hole.
func inOrder(sent map[string]string) ([]string, error) {
	ids := make([]string, 0, len(sent))
	var errs []error
	for id := range sent {
		if _, err := ParseID(id); err != nil {
			errs = append(errs, err)
		}
		ids = append(ids, id)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, _ := ParseID(a)
		y, _ := ParseID(b)
		return int(int64(x.Seq) - int64(y.Seq))
	})
	for i := 1; i < len(ids); i++ {
		if err := follows(ids[i-1], ids[i]); err != nil {
			return nil, err
		}
	}
	return ids, nil
}

func apartCase(ctx context.Context, t *Target) error {
	hubs := []string{t.Hub("apart"), t.Hub("apart")}
	all, err := subscribeMany(ctx, t, 2, func(i int) string { return hubs[i] })
	if err != nil {
		return err
	}
	for range 10 {
		for i, hub := range hubs {
			id, err := t.PublishText(ctx, hub, "", hub)
			if err != nil {
				return err
			}
			// The other hub's event would come before this one or be left unread.
			if err := all[i].Expect(ctx, id, "message", hub); err != nil {
				return err
			}
		}
	}
	return errors.Join(all[0].Unread(), all[1].Unread())
}

func infoCase(ctx context.Context, t *Target) error {
	hub := t.Hub("info")
	check := func(want Info) error {
		got, err := t.Info(ctx, hub)
		if err == nil && got != want {
			err = fmt.Errorf("info is %+v, want %+v", got, want)
		}
		return err
	}
	if err := check(Info{Hub: hub}); err != nil {
		return err
	}
	if _, err := subscribeMany(ctx, t, 3, func(int) string { return hub }); err != nil {
		return err
	}
	if err := check(Info{Hub: hub, Sessions: 3}); err != nil {
		return err
	}
	for range 3 {
		id, err := t.PublishText(ctx, hub, "", "x")
		if err != nil {
			return err
		}
		if err := check(Info{Hub: hub, Sessions: 3, LastEventID: id}); err != nil {
			return err
		}
	}
	return nil
}
