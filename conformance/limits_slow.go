package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// More than the kernel and a session's buffer take for a client that does not read.
const policyTotal = 16 << 20

func policyCases() []Case {
	return limited([]Case{
		{
			Name:        "policy/drop",
			Explanation: "With SLOW=drop a client that does not read misses ephemeral events only, is told how many, and stays.",
			Needs:       func(l Limits) bool { return l.Slow == "drop" && l.MaxData == 0 && l.PublishRate == 0 },
			Alone:       true,
			Run:         dropCase,
		},
		{
			Name:        "policy/coalesce-ephemeral",
			Explanation: "With SLOW=coalesce a client that does not read misses what is out of date, gets the latest event of each key, and stays.",
			Needs:       func(l Limits) bool { return l.Slow == "coalesce" && l.MaxData == 0 && l.PublishRate == 0 },
			Alone:       true,
			Run:         func(ctx context.Context, t *Target) error { return coalesceCase(ctx, t, true) },
		},
		{
			Name:        "policy/coalesce-published",
			Explanation: "With SLOW=coalesce also published events of a key make way for later ones, and ids still increase.",
			Needs:       func(l Limits) bool { return l.Slow == "coalesce" && l.MaxData == 0 && l.PublishRate == 0 },
			Alone:       true,
			Run:         func(ctx context.Context, t *Target) error { return coalesceCase(ctx, t, false) },
		},
	})
}

// stalledBeside opens a session that reads everything, and one beside it that reads nothing.
func (t *Target) stalledBeside(ctx context.Context, hub string) (*Subscriber, *stalled, error) {
	healthy, err := t.Subscribe(ctx, hub)
	if err != nil {
		return nil, nil, err
	}
	slow, err := t.stall(ctx, hub, "")
	if err != nil {
		return nil, nil, err
	}
	// From here on, the hub itself has nothing to say.
	return healthy, slow, healthy.AwaitSize(ctx, 2)
}

// bothStay returns an error when the slow session of the two has been ended.
func (t *Target) bothStay(ctx context.Context, hub string) error {
	info, err := t.Info(ctx, hub)
	if err == nil && info.Sessions != 2 {
		err = fmt.Errorf("info tells of %d sessions, want 2: the slow one should stay", info.Sessions)
	}
	return err
}

func dropCase(ctx context.Context, t *Target) error {
	const n, durableEvery = policyTotal / MaxData, 16
	hub := t.Hub("drop")
	healthy, slow, err := t.stalledBeside(ctx, hub)
	if err != nil {
		return err
	}
	defer slow.Close()
	sent := map[string]string{}
	ephemeral := 0
	for i := range n {
		p := Publication{Data: fmt.Sprintf("%0*d", MaxData, i), Ephemeral: true}
		if i%durableEvery == durableEvery-1 {
			p = Publication{Data: fmt.Sprint("durable ", i)}
		} else {
			ephemeral++
		}
		id, err := t.Publish(ctx, hub, p)
		if err != nil {
			return err
		}
		if !p.Ephemeral {
			sent[id] = p.Data
		}
		if e, err := healthy.Next(ctx); err != nil || e.Data != p.Data || e.HasID == p.Ephemeral {
			return fmt.Errorf("event %d beside the slow session: received %s (%v)", i, brief(e), err)
		}
	}
	durable, err := eventsOf(sent)
	if err != nil {
		return err
	}
	if err := t.bothStay(ctx, hub); err != nil {
		return err
	}
	reader, err := slow.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	tally := dropTally{durable: durable}
	for len(tally.durable) > 0 || tally.ephemeral+tally.dropped < ephemeral {
		e, err := reader.Next(ctx)
		if err == nil {
			err = tally.take(e)
		}
		if err != nil {
			return fmt.Errorf("of %d ephemeral events %d came and %d were told of as dropped, %d others are missing: %w",
				ephemeral, tally.ephemeral, tally.dropped, len(tally.durable), err)
		}
	}
	if tally.ephemeral+tally.dropped != ephemeral || tally.dropped == 0 {
		return fmt.Errorf("%d ephemeral events came and %d were told of as dropped, of %d", tally.ephemeral, tally.dropped, ephemeral)
	}
	if err := t.bothStay(ctx, hub); err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, reader, 2)
}

// dropTally counts what a slow client gets.
type dropTally struct {
	durable            []sse.Event // still to come
	ephemeral, dropped int
	latest             string // the data of the latest ephemeral event
}

func (d *dropTally) take(e sse.Event) error {
	switch {
	case e.Name == "lag":
		var lag struct {
			Dropped int `json:"dropped"`
		}
		if err := json.Unmarshal([]byte(e.Data), &lag); err != nil || e.HasID || lag.Dropped < 1 {
			return fmt.Errorf(`received %s, want {"dropped":n} without an id`, brief(e))
		}
		d.dropped += lag.Dropped
	case !e.HasID:
		if e.Data <= d.latest { // They are numbers of one length.
			return fmt.Errorf("received %s behind a later one", brief(e))
		}
		d.latest = e.Data
		d.ephemeral++
	case len(d.durable) == 0 || e != d.durable[0]:
		return fmt.Errorf("received %s, want the next of %d published events", brief(e), len(d.durable))
	default:
		d.durable = d.durable[1:]
	}
	return nil
}

func coalesceCase(ctx context.Context, t *Target, ephemeral bool) error {
	const keys, size = 10, 32 << 10
	const n = policyTotal / size
	hub := t.Hub("coalesce")
	healthy, slow, err := t.stalledBeside(ctx, hub)
	if err != nil {
		return err
	}
	defer slow.Close()
	latest := map[string]string{}
	for i := range n {
		p := Publication{Event: fmt.Sprint("key ", i%keys), Data: fmt.Sprintf("%0*d", size, i), Ephemeral: ephemeral}
		p.Key = p.Event
		id, err := t.Publish(ctx, hub, p)
		if err != nil {
			return err
		}
		latest[p.Key] = p.Data
		if e, err := healthy.Next(ctx); err != nil || e.Data != p.Data || e.HasID == ephemeral || e.LastEventID != id {
			return fmt.Errorf("event %d beside the slow session: received %s (%v)", i, brief(e), err)
		}
	}
	if err := t.bothStay(ctx, hub); err != nil {
		return err
	}
	end, err := t.PublishText(ctx, hub, "end", "end")
	if err != nil {
		return err
	}
	reader, err := slow.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	got, err := readCoalesced(ctx, reader, end)
	if err != nil {
		return err
	}
	seen := map[string]string{}
	for _, e := range got {
		seen[e.Name] = e.Data
	}
	for key, data := range latest {
		if seen[key] != data {
			return fmt.Errorf("of %s the client has %.20q, want the latest, %.20q", key, seen[key], data)
		}
	}
	if len(got) > n*3/4 {
		return fmt.Errorf("the client got %d of %d events that it was too slow for", len(got), n)
	}
	if err := t.bothStay(ctx, hub); err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, reader, 2)
}

// readCoalesced returns the events up to the one with the id end. Those must be in the order in
// which they were published.
func readCoalesced(ctx context.Context, s *Subscriber, end string) ([]sse.Event, error) {
	var got []sse.Event
	previous, seq := "", uint64(0)
	for {
		e, err := s.Next(ctx)
		if err != nil {
			return nil, fmt.Errorf("behind %d events: %w", len(got), err)
		}
		if e.HasID {
			id, err := ParseID(e.LastEventID)
			if err != nil {
				return nil, err
			}
			if id.Seq <= seq {
				return nil, fmt.Errorf("received %s behind number %d", brief(e), seq)
			}
			seq = id.Seq
		}
		if e.LastEventID == end && e.HasID {
			return got, nil
		}
		if e.Data <= previous { // They are numbers of one length.
			return nil, errors.New("events are out of order: " + brief(e))
		}
		previous = e.Data
		got = append(got, e)
	}
}
