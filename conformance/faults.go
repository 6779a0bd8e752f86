package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Fault is a way in which a turn of the test program fails.
type Fault struct {
	// Kind is the last segment of the path that causes it.
	Kind string
	// Means is what the turn does.
	Means string
	// Cause are alternatives ("a|b") of which the problem's detail must contain one.
	Cause string
}

// FaultKinds is the table of faults that the test program knows.
var FaultKinds = []Fault{
	{"panic", "panics", "panic"},
	{"error", "returns an error", "error"},
	{"nil", "writes to a nil map", "nil"},
	{"block", "receives from a channel on which nobody sends", "block"},
	{"sleep", "calls time.Sleep", "block|sleep"},
	{"goroutine", "leaves a goroutine behind", "goroutine"},
	{"exit", "calls os.Exit(3)", "exit"},
	{"recurse", "calls itself without end", "stack"},
	{"memory", "allocates without end", "memory"},
}

// faultNone is the kind that stages what the others stage, and succeeds.
const faultNone = "none"

// faultEvent is the name of the event that each fault's turn stages.
const faultEvent = "fault"

func faultCases() []Case {
	cases := []Case{{
		Name:        "fault/none",
		Explanation: "A turn that stages what the faults stage, and then succeeds, is seen: the cases below are not empty.",
		Run: func(ctx context.Context, t *Target) error {
			hub := t.Hub("fault")
			s, err := t.Subscribe(ctx, hub)
			if err != nil {
				return err
			}
			id, err := published(t.Do(ctx, faultRequest(hub, faultNone)))
			if err != nil {
				return err
			}
			return s.Expect(ctx, id, faultEvent, faultNone)
		},
	}}
	for _, f := range FaultKinds {
		cases = append(cases, Case{
			Name: "fault/" + f.Kind,
			Explanation: "When a turn " + f.Means + ", its request fails and names the cause, what it staged is seen by nobody, " +
				"no stream of any hub ends, and the next publish has the next id.",
			Alone: true,
			Run:   func(ctx context.Context, t *Target) error { return faultCase(ctx, t, f) },
		})
	}
	cases = append(cases, Case{
		Name:        "fault/in-a-row",
		Explanation: "Through twenty faults in a row every acknowledged event of concurrent publishers arrives exactly once and in order.",
		Alone:       true,
		Run:         faultsInARowCase,
	})
	for i := range cases {
		cases[i].Group = Faults
	}
	return cases
}

func faultRequest(hub, kind string) Request {
	return Request{Method: http.MethodPost, Path: hubPath(hub) + "/faults/" + kind}
}

// failure checks that a is a problem of status 500 or 503 that names the cause.
func failure(a Answer, cause string) error {
	status := http.StatusInternalServerError
	if a.Status == http.StatusServiceUnavailable {
		status = a.Status
	}
	return problem(a, status, cause)
}

// witness is a subscriber of a hub and the id of the last event that it received.
type witness struct {
	hub  string
	last string
	all  []*Subscriber
}

// say publishes to the hub and expects the event, with the next id, at every subscriber.
func (w *witness) say(ctx context.Context, t *Target, data string) error {
	id, err := t.PublishText(ctx, w.hub, "", data)
	if err != nil {
		return err
	}
	if w.last != "" {
		if err := follows(w.last, id); err != nil {
			return err
		}
	}
	w.last = id
	for _, s := range w.all {
		if err := s.Expect(ctx, id, "message", data); err != nil {
			return err
		}
	}
	return nil
}

func sayAll(ctx context.Context, t *Target, witnesses []*witness, data string) error {
	var g errgroup.Group
	g.SetLimit(8)
	for _, w := range witnesses {
		g.Go(func() error {
			if err := w.say(ctx, t, data); err != nil {
				return fmt.Errorf("hub %s, %s: %w", w.hub, data, err)
			}
			return nil
		})
	}
	return g.Wait()
}

func faultCase(ctx context.Context, t *Target, f Fault) error {
	const others = 20
	witnesses := make([]*witness, 1+others)
	for i := range witnesses {
		sessions := 1
		if i == 0 {
			sessions = 3
		}
		w := &witness{hub: t.Hub(fmt.Sprint(f.Kind, "-", i))}
		all, err := subscribeMany(ctx, t, sessions, func(int) string { return w.hub })
		if err != nil {
			return err
		}
		w.all, witnesses[i] = all, w
	}
	if err := sayAll(ctx, t, witnesses, "before"); err != nil {
		return err
	}
	broken := witnesses[0]
	for round := range 2 { // The second time on what the first left behind.
		a, err := t.Do(ctx, faultRequest(broken.hub, f.Kind))
		if err != nil {
			return err
		}
		if err := failure(a, f.Cause); err != nil {
			return err
		}
		info, err := t.Info(ctx, broken.hub)
		if err != nil {
			return fmt.Errorf("after the fault: %w", err)
		}
		if want := (Info{Hub: broken.hub, Sessions: len(broken.all), LastEventID: broken.last}); info != want {
			return fmt.Errorf("after the fault info is %+v, want %+v as before", info, want)
		}
		if err := sayAll(ctx, t, witnesses, fmt.Sprint("after ", round)); err != nil {
			return err
		}
	}
	for _, w := range witnesses {
		for _, s := range w.all {
			if err := s.Unread(); err != nil {
				return fmt.Errorf("hub %s: %w", w.hub, err)
			}
		}
	}
	return nil
}

// faultsInARowCase publishes to two hubs while faults hit one of them. A publish that
// meets a fault may be refused; what was acknowledged must be all that is seen.
func faultsInARowCase(ctx context.Context, t *Target) error {
	const publishers, faults = 4, 20
	hubs := []string{t.Hub("row"), t.Hub("row-beside")}
	all, err := subscribeMany(ctx, t, 6, func(i int) string { return hubs[i%2] })
	if err != nil {
		return err
	}
	publishing, stop := context.WithCancel(ctx)
	defer stop()
	var mu sync.Mutex
	sent := []map[string]string{{}, {}}
	var g errgroup.Group
	for p := range publishers {
		g.Go(func() error {
			for i := 0; publishing.Err() == nil; i++ {
				data := fmt.Sprintf("publisher %d, event %d", p, i)
				id, err := t.PublishText(ctx, hubs[p%2], "", data)
				if errors.Is(err, errRefused) {
					continue
				}
				if err != nil {
					return err
				}
				mu.Lock()
				sent[p%2][id] = data
				mu.Unlock()
			}
			return nil
		})
	}
	err = manyFaults(ctx, t, hubs[0], faults)
	stop()
	if err := errors.Join(err, g.Wait()); err != nil {
		return err
	}
	for i, hub := range hubs {
		id, err := t.PublishText(ctx, hub, "", "last")
		if err != nil {
			return err
		}
		sent[i][id] = "last"
	}
	for i, s := range all {
		if err := receivesExactly(ctx, s, sent[i%2]); err != nil {
			return fmt.Errorf("subscriber %d: %w", i, err)
		}
	}
	return nil
}

func manyFaults(ctx context.Context, t *Target, hub string, n int) error {
	kinds := make([]Fault, 0, len(FaultKinds))
	for _, f := range FaultKinds {
		// One that fills the memory takes long and has its own case.
		if f.Kind != "memory" {
			kinds = append(kinds, f)
		}
	}
	for i := range n {
		f := kinds[i%len(kinds)]
		a, err := t.Do(ctx, faultRequest(hub, f.Kind))
		if err == nil {
			err = failure(a, f.Cause)
		}
		if err != nil {
			return fmt.Errorf("fault %d, %s: %w", i, f.Kind, err)
		}
	}
	return nil
}

func receivesExactly(ctx context.Context, s *Subscriber, sent map[string]string) error {
	ordered, err := inOrder(sent)
	if err != nil {
		return err
	}
	for _, id := range ordered {
		if err := s.Expect(ctx, id, "message", sent[id]); err != nil {
			return err
		}
	}
	return s.Unread()
}
