package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Limits are vars of the server under test that differ from their defaults. They are short or
// small, so that a case can come to them. Zero is the default, and leaves out the cases that
// need the limit.
type Limits struct {
	MaxAge      time.Duration // MAX_AGE; a few seconds
	Retry       time.Duration // RETRY; not its default
	MaxSessions int           // MAX_SESSIONS; tens
	PublishRate int           // PUBLISH_RATE; tens
	MaxData     int           // MAX_DATA; some KiB
	LogCount    int           // LOG_COUNT; tens
	// LogBytes is LOG_BYTES: up to 1 MiB for the case of the bound itself. At 12 MiB or more,
	// with a LogCount of events of the largest size that fit, a replay can be more than the
	// kernel takes for a client that does not read, and has to wait.
	LogBytes int
	LogAge   time.Duration // LOG_AGE; a few seconds
	Slow     string        // SLOW: drop or coalesce
}

// largeLog reports whether a replay can be so long that it has to wait for its client.
func (l Limits) largeLog() bool {
	return l.LogCount*MaxData >= 12<<20 && l.LogBytes >= l.LogCount*MaxData && l.LogAge == 0 && l.MaxData == 0 && l.PublishRate == 0
}

func limitCases() []Case {
	cases := []Case{
		{
			Name:        "limits/retry",
			Explanation: "The reconnection time that a stream begins with is the one that was configured.",
			Needs:       func(l Limits) bool { return l.Retry > 0 },
			Run:         func(ctx context.Context, t *Target) error { return retryCase(ctx, t, t.Options.Limits.Retry) },
		},
		{
			Name:        "limits/max-sessions",
			Explanation: "One session more than a hub may have is refused with 503 and Retry-After, and taken when another has left.",
			Needs:       func(l Limits) bool { return l.MaxSessions > 0 && l.MaxAge == 0 },
			Run:         maxSessionsCase,
		},
		{
			Name:        "limits/publish-rate",
			Explanation: "What is published faster than the rate, and a second's worth at once, is refused with 429 and leaves nothing; after Retry-After it goes on.",
			Needs:       func(l Limits) bool { return l.PublishRate > 0 },
			Run:         publishRateCase,
		},
		{
			Name:        "limits/max-data",
			Explanation: "Data of the configured size is published, and one byte more refused with 413.",
			Needs:       func(l Limits) bool { return l.MaxData > 0 },
			Run:         maxDataCase,
		},
	}
	return limited(cases)
}

// limited puts the cases into the group.
func limited(cases []Case) []Case {
	for i := range cases {
		cases[i].Group = Limited
	}
	return cases
}

// comeBack checks that a is a problem of the status that says when to come back.
func comeBack(a Answer, status int) (after time.Duration, err error) {
	if err := problem(a, status); err != nil {
		return 0, err
	}
	// RFC 9110, section 10.2.3; the seconds, not the date.
	seconds, err := strconv.Atoi(a.Header.Get("Retry-After"))
	if err != nil || seconds < 1 {
		return 0, fmt.Errorf("Retry-After is %q, want a number of seconds", a.Header.Get("Retry-After"))
	}
	return time.Duration(seconds) * time.Second, nil
}

func maxSessionsCase(ctx context.Context, t *Target) error {
	most := t.Options.Limits.MaxSessions
	hub := t.Hub("full")
	id, err := t.PublishText(ctx, hub, "", "x")
	if err != nil {
		return err
	}
	all, err := subscribeMany(ctx, t, most, func(int) string { return hub })
	if err != nil {
		return err
	}
	for _, from := range []Resume{{}, {Header: id}, {Query: "earliest"}} {
		ctx, cancel := within(ctx, slack, "the refusal")
		a, err := t.Do(ctx, from.request(hub))
		cancel()
		if err != nil {
			return err
		}
		if _, err := comeBack(a, http.StatusServiceUnavailable); err != nil {
			return err
		}
	}
	if err := all[1].AwaitSize(ctx, most); err != nil {
		return err
	}
	// The full hub works for everybody else, and so do others.
	if err := publishInOrder(ctx, t, hub, all[0], 2); err != nil {
		return err
	}
	if _, err := t.Subscribe(ctx, t.Hub("full")); err != nil {
		return err
	}
	all[0].Close()
	if err := awaitLeave(ctx, t, all[1], most-1); err != nil {
		return err
	}
	_, err = t.Subscribe(ctx, hub)
	return err
}

func publishRateCase(ctx context.Context, t *Target) error {
	rate := t.Options.Limits.PublishRate
	hub := t.Hub("rate")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	sent := map[string]string{}
	var refusal *Answer
	begin := time.Now()
	var g errgroup.Group
	for p := range 8 {
		g.Go(func() error {
			for i := range 10 * rate {
				data := fmt.Sprint(p, " ", i)
				a, err := t.Post(ctx, hub, "text/plain", data)
				if err != nil {
					return err
				}
				mu.Lock()
				refused := refusal != nil
				if a.Status != http.StatusOK {
					refusal, refused = &a, true
				} else if id, err2 := published(a, nil); err2 != nil {
					err = err2
				} else {
					sent[id] = data
				}
				mu.Unlock()
				if err != nil || refused {
					return err
				}
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	most := rate + 8 + int(time.Since(begin).Seconds()*float64(rate))
	switch {
	case refusal == nil:
		return fmt.Errorf("%d events in %v, and none was refused at a rate of %d", len(sent), time.Since(begin), rate)
	case len(sent) < rate || len(sent) > most:
		return fmt.Errorf("%d events were accepted in %v before one was refused, want %d to %d", len(sent), time.Since(begin), rate, most)
	}
	after, err := comeBack(*refusal, http.StatusTooManyRequests)
	if err != nil {
		return err
	}
	if after > slack {
		return fmt.Errorf("Retry-After is %v at a rate of %d a second", after, rate)
	}
	if _, err := t.PublishText(ctx, t.Hub("rate"), "", "another hub"); err != nil {
		return err
	}
	events, err := eventsOf(sent)
	if err != nil {
		return err
	}
	if err := s.expectAll(ctx, events); err != nil {
		return err
	}
	if err := wait(ctx, after); err != nil {
		return err
	}
	id, err := t.PublishText(ctx, hub, "", "later")
	if err != nil {
		return err
	}
	if err := follows(events[len(events)-1].LastEventID, id); err != nil {
		return err
	}
	return s.Expect(ctx, id, "message", "later")
}

func maxDataCase(ctx context.Context, t *Target) error {
	most := t.Options.Limits.MaxData
	hub := t.Hub("size")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	for _, size := range []int{most, most + 1} {
		data := strings.Repeat("x", size)
		for _, r := range []Request{
			post(eventsPath(hub), "text/plain", data),
			post(eventsPath(hub), "application/json", asJSON(data)),
			post(eventsPath(hub), "application/json", `{"ephemeral":false,"data":"`+strings.Repeat(`\u0078`, size)+`"}`),
		} {
			if size <= most {
				err = publishAndExpect(ctx, t, hub, s, r, "", data)
			} else {
				var a Answer
				if a, err = t.Do(ctx, r); err == nil {
					err = problem(a, http.StatusRequestEntityTooLarge, strconv.Itoa(most))
				}
			}
			if err != nil {
				return fmt.Errorf("%d bytes: %w", size, err)
			}
		}
	}
	return errors.Join(publishInOrder(ctx, t, hub, s, 1), s.Unread())
}
