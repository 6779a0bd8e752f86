package conformance

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

func publishCases() []Case {
	return []Case{
		{
			Name:        "ids/mixed",
			Explanation: "Ids count up by one whatever else happens between two events: refusals, repeats, ephemeral events, joins and leaves.",
			Run:         mixedIDsCase,
		},
		{
			Name:        "ephemeral/json",
			Explanation: "An ephemeral event is heard live, without an id, and is not there for anyone who resumes.",
			Run: func(ctx context.Context, t *Target) error {
				return ephemeralCase(ctx, t, func(hub string) Request {
					return post(eventsPath(hub), "application/json", `{"ephemeral":true,"event":"typing","data":"x","key":"k"}`)
				})
			},
		},
		{
			Name:        "ephemeral/text",
			Explanation: "Plain text is ephemeral when its query says so.",
			Run: func(ctx context.Context, t *Target) error {
				return ephemeralCase(ctx, t, func(hub string) Request {
					return post(eventsPath(hub)+"?event=typing&ephemeral=true&key=k", "text/plain", "x")
				})
			},
		},
		{
			Name:        "ephemeral/first",
			Explanation: "A hub whose only events were ephemeral has no last event id, and nothing to replay.",
			Run:         ephemeralFirstCase,
		},
		{
			Name:        "ephemeral/false",
			Explanation: "An event that is said not to be ephemeral is published as any other.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("durable")
				s, err := t.Subscribe(ctx, hub)
				if err != nil {
					return err
				}
				for _, r := range []Request{
					post(eventsPath(hub), "application/json", `{"ephemeral":false,"data":"x"}`),
					post(eventsPath(hub)+"?ephemeral=false", "text/plain", "x"),
				} {
					if err := publishAndExpect(ctx, t, hub, s, r, "", "x"); err != nil {
						return err
					}
				}
				return nil
			},
		},
		{
			Name:        "idempotency/repeat",
			Explanation: "A publish that is repeated with its Idempotency-Key is answered as the first was, and heard once.",
			Run:         repeatCase,
		},
		{
			Name:        "idempotency/concurrent",
			Explanation: "Of ten publishes at once with one Idempotency-Key all get the same id, and one event is heard.",
			Run:         concurrentRepeatsCase,
		},
		{
			Name:        "idempotency/apart",
			Explanation: "Idempotency keys are compared as they are, and within one hub.",
			Run:         keysApartCase,
		},
	}
}

func mixedIDsCase(ctx context.Context, t *Target) error {
	hub := t.Hub("mixed")
	watcher, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	previous, err := t.PublishText(ctx, hub, "", "first")
	if err != nil {
		return err
	}
	for name, between := range map[string]func() error{
		"a refusal": func() error {
			a, err := t.Post(ctx, hub, "application/json", `{"event":"gap","data":1}`)
			if err == nil {
				err = problem(a, http.StatusBadRequest)
			}
			return err
		},
		"an ephemeral event": func() error {
			_, err := t.Publish(ctx, hub, Publication{Data: "x", Ephemeral: true})
			return err
		},
		"a join and a leave": func() error {
			s, err := t.SubscribeFrom(ctx, hub, Resume{Query: "earliest"})
			if err == nil {
				s.Close()
			}
			return err
		},
		"a goodbye": func() error {
			s, err := t.Subscribe(ctx, hub)
			if err != nil {
				return err
			}
			return t.EndSession(ctx, hub, s.Connected.Session, "")
		},
		"a repeat": func() error {
			once := Publication{Data: "once", Once: "once"}
			id, err := t.Publish(ctx, hub, once)
			if err != nil {
				return err
			}
			if err := follows(previous, id); err != nil {
				return err
			}
			previous = id
			_, err = t.Publish(ctx, hub, once)
			return err
		},
	} {
		if err := between(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		id, err := t.PublishText(ctx, hub, "", "behind "+name)
		if err != nil {
			return err
		}
		if err := follows(previous, id); err != nil {
			return fmt.Errorf("behind %s: %w", name, err)
		}
		previous = id
	}
	for last := ""; last != previous; {
		e, err := watcher.Next(ctx)
		if err != nil {
			return err
		}
		if !e.HasID {
			continue
		}
		if last != "" {
			if err := follows(last, e.LastEventID); err != nil {
				return err
			}
		}
		last = e.LastEventID
	}
	return watcher.Unread()
}

func ephemeralCase(ctx context.Context, t *Target, request func(hub string) Request) error {
	hub := t.Hub("ephemeral")
	live, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	before, err := t.PublishText(ctx, hub, "", "before")
	if err != nil {
		return err
	}
	if id, err := answeredID(t.Do(ctx, request(hub))); err != nil || id != "" {
		return fmt.Errorf("the id is %q, want none (%v)", id, err)
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.LastEventID != before {
		return fmt.Errorf("lastEventId is %q, want %q of the event before the ephemeral one", info.LastEventID, before)
	}
	after, err := t.PublishText(ctx, hub, "", "after")
	if err != nil {
		return err
	}
	if err := follows(before, after); err != nil {
		return err
	}
	if err := live.Expect(ctx, before, "message", "before"); err != nil {
		return err
	}
	// The client's last event id stays what it was.
	e, err := live.Next(ctx)
	if err != nil {
		return err
	}
	if want := (sse.Event{Name: "typing", Data: "x", LastEventID: before}); e != want {
		return fmt.Errorf("received %s, want %s", brief(e), brief(want))
	}
	if err := live.Expect(ctx, after, "message", "after"); err != nil {
		return err
	}
	resumed, err := t.SubscribeFrom(ctx, hub, Resume{Query: "earliest"})
	if err != nil {
		return err
	}
	if err := resumed.Expect(ctx, before, "message", "before"); err != nil {
		return err
	}
	return resumed.Expect(ctx, after, "message", "after")
}

func ephemeralFirstCase(ctx context.Context, t *Target) error {
	hub := t.Hub("ephemeral-first")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	if _, err := t.Publish(ctx, hub, Publication{Data: "x", Ephemeral: true}); err != nil {
		return err
	}
	e, err := s.Next(ctx)
	if err != nil {
		return err
	}
	if want := (sse.Event{Name: "message", Data: "x"}); e != want {
		return fmt.Errorf("received %s, want %s", brief(e), brief(want))
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.LastEventID != "" {
		return fmt.Errorf("lastEventId is %q, want none", info.LastEventID)
	}
	resumed, err := t.SubscribeFrom(ctx, hub, Resume{Query: "earliest"})
	if err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, resumed, 1)
}

func repeatCase(ctx context.Context, t *Target) error {
	hub := t.Hub("repeat")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	first, err := t.Publish(ctx, hub, Publication{Event: "pay", Data: "1", Once: "order 7"})
	if err != nil {
		return err
	}
	second, err := t.PublishText(ctx, hub, "", "between")
	if err != nil {
		return err
	}
	text := post(eventsPath(hub)+"?event=pay", "text/plain", "1")
	text.Header.Set("Idempotency-Key", "order 7")
	other := Publication{Event: "else", Data: "2", Once: "order 7"}
	again, err := other.request(hub)
	if err != nil {
		return err
	}
	for _, r := range []Request{text, again, text} {
		id, err := published(t.Do(ctx, r))
		if err != nil {
			return err
		}
		if id != first {
			return fmt.Errorf("a repeat was answered with id %s, want the first's, %s", id, first)
		}
	}
	third, err := t.PublishText(ctx, hub, "", "after")
	if err != nil {
		return err
	}
	resumed, err := t.SubscribeFrom(ctx, hub, Resume{Query: "earliest"})
	if err != nil {
		return err
	}
	for _, s := range []*Subscriber{s, resumed} {
		for _, want := range []sse.Event{
			{Name: "pay", Data: "1", LastEventID: first}, {Name: "message", Data: "between", LastEventID: second},
			{Name: "message", Data: "after", LastEventID: third},
		} {
			if err := s.Expect(ctx, want.LastEventID, want.Name, want.Data); err != nil {
				return err
			}
		}
	}
	return follows(second, third)
}

func concurrentRepeatsCase(ctx context.Context, t *Target) error {
	const repeats, keys = 10, 5
	hub := t.Hub("concurrent")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	var g errgroup.Group
	ids := [keys][repeats]string{}
	for r := range repeats {
		for k := range keys {
			g.Go(func() (err error) {
				ids[k][r], err = t.Publish(ctx, hub, Publication{Data: fmt.Sprint("key ", k), Once: fmt.Sprint("key ", k)})
				return err
			})
		}
	}
	if err := g.Wait(); err != nil {
		return err
	}
	sent := map[string]string{}
	for k := range ids {
		for _, id := range ids[k] {
			if id != ids[k][0] {
				return fmt.Errorf("repeats of one key were answered with the ids %v", ids[k])
			}
		}
		sent[ids[k][0]] = fmt.Sprint("key ", k)
	}
	events, err := eventsOf(sent)
	if err != nil {
		return err
	}
	if err := s.expectAll(ctx, events); err != nil {
		return err
	}
	end, err := t.PublishText(ctx, hub, "", "end")
	if err != nil {
		return err
	}
	if err := follows(events[keys-1].LastEventID, end); err != nil {
		return err
	}
	return s.Expect(ctx, end, "message", "end")
}

func keysApartCase(ctx context.Context, t *Target) error {
	hubs := []string{t.Hub("apart"), t.Hub("apart")}
	// The longest that is allowed, ones that differ in little, and names of what storage may hold.
	keys := []string{"a", "A", "a b", "a/b", "a\"", "..", strings.Repeat("k", 256), strings.Repeat("k", 255), "epoch", "%61"}
	for _, hub := range hubs {
		var ids []string
		for _, key := range append(keys, keys...) {
			id, err := t.Publish(ctx, hub, Publication{Data: key, Once: key})
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		first, again := ids[:len(keys)], ids[len(keys):]
		if !slices.Equal(first, again) {
			return fmt.Errorf("the keys were answered with %v, and repeated with %v", first, again)
		}
		for i := 1; i < len(first); i++ {
			if err := follows(first[i-1], first[i]); err != nil {
				return fmt.Errorf("keys %.20q and %.20q: %w", keys[i-1], keys[i], err)
			}
		}
	}
	return nil
}

// badPublications are publishes that say something of an event that cannot be.
func badPublications() []errorRequest {
	once := func(key string, r Request) Request {
		r.Header.Set("Idempotency-Key", key)
		return r
	}
	const path = "/hubs/{hub}/events"
	long := strings.Repeat("x", 257)
	rows := []errorRequest{
		{name: "idempotency/too-long", request: once(long, post(path, "text/plain", "x")), detail: []string{"idempotency-key"}},
		{name: "idempotency/ephemeral-json", request: once("k", post(path, "application/json", `{"data":1,"ephemeral":true}`)), detail: []string{"idempotency-key", "ephemeral"}},
		{name: "idempotency/ephemeral-text", request: once("k", post(path+"?ephemeral=true", "text/plain", "x")), detail: []string{"idempotency-key", "ephemeral"}},
		{name: "ephemeral/not-boolean-json", request: post(path, "application/json", `{"data":1,"ephemeral":"yes"}`), detail: []string{"ephemeral"}},
		{name: "ephemeral/not-boolean-text", request: post(path+"?ephemeral=maybe", "text/plain", "x"), detail: []string{"ephemeral"}},
		{name: "key/not-string", request: post(path, "application/json", `{"data":1,"key":7}`), detail: []string{"key"}},
		{name: "key/too-long-json", request: post(path, "application/json", `{"data":1,"key":"`+long+`"}`), detail: []string{"key"}},
		{name: "key/too-long-text", request: post(path+"?key="+long, "text/plain", "x"), detail: []string{"key"}},
	}
	for _, name := range []string{"connected", "connections", "gap", "goodbye", "lag"} {
		rows = append(rows,
			errorRequest{name: "own-event/" + name + "-as-json", request: post(path, "application/json", `{"event":"`+name+`","data":1}`), detail: []string{name}},
			errorRequest{name: "own-event/" + name + "-as-text", request: post(path+"?event="+name, "text/plain", "x"), detail: []string{name}},
			errorRequest{name: "own-event/" + name + "-ephemeral", request: post(path, "application/json", `{"event":"`+name+`","data":1,"ephemeral":true}`), detail: []string{name}},
		)
	}
	for i := range rows {
		rows[i].status = http.StatusBadRequest
	}
	return rows
}
