package conformance

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

func streamCases() []Case {
	return []Case{
		{
			Name:        "stream/headers",
			Explanation: "A subscriber gets an event stream that no cache keeps, no intermediary transforms and no proxy buffers.",
			Run: func(ctx context.Context, t *Target) error {
				s, err := t.Subscribe(ctx, t.Hub("headers"))
				if err != nil {
					return err
				}
				return streamHeaders(s.Header)
			},
		},
		{
			Name:        "stream/first-bytes",
			Explanation: "The connected event, with the session, the hub and no id, arrives at once, before anything is published.",
			Run: func(ctx context.Context, t *Target) error {
				ctx, cancel := within(ctx, slack, "the connected event")
				defer cancel()
				_, err := t.Subscribe(ctx, t.Hub("first")) // Checks the event itself.
				return err
			},
		},
		{
			Name:        "stream/live",
			Explanation: "A published event arrives at its subscriber with the id that the publisher was told, and not at anyone who joins later.",
			Run:         liveCase,
		},
		{
			Name:        "stream/heartbeat",
			Explanation: "An idle stream carries a comment at least every two heartbeat intervals.",
			Run: func(ctx context.Context, t *Target) error {
				s, err := t.Subscribe(ctx, t.Hub("heartbeat"))
				if err != nil {
					return err
				}
				for range 3 {
					if err := awaitHeartbeat(ctx, t, s); err != nil {
						return err
					}
				}
				return nil
			},
		},
		{
			Name:        "stream/head",
			Explanation: "HEAD of a hub's events answers the headers of the stream, ends, and opens no session.",
			Run:         headCase,
		},
	}
}

func awaitHeartbeat(ctx context.Context, t *Target, s *Subscriber) error {
	ctx, cancel := within(ctx, 2*t.Options.heartbeat(), "a keep-alive comment")
	defer cancel()
	return s.AwaitComment(ctx)
}

func streamHeaders(h http.Header) error {
	var errs []error
	if got := strings.ReplaceAll(strings.ToLower(h.Get("Content-Type")), " ", ""); got != "text/event-stream;charset=utf-8" {
		errs = append(errs, fmt.Errorf("Content-Type is %q, want text/event-stream; charset=utf-8", h.Get("Content-Type")))
	}
	cache := tokens(h, "Cache-Control")
	if !cache["no-store"] || !cache["no-transform"] {
		errs = append(errs, fmt.Errorf("Cache-Control is %q, want no-store, no-transform", h.Get("Cache-Control")))
	}
	if got := h.Get("X-Accel-Buffering"); got != "no" {
		errs = append(errs, fmt.Errorf("X-Accel-Buffering is %q, want no", got))
	}
	if got := h.Get("Access-Control-Allow-Origin"); got != "*" {
		errs = append(errs, fmt.Errorf("Access-Control-Allow-Origin is %q, want *", got))
	}
	return errors.Join(errs...)
}

// tokens splits a header of comma-separated tokens; Allow and CORS headers are kept
// in the case they came in, as methods are case-sensitive.
func tokens(h http.Header, name string) map[string]bool {
	set := map[string]bool{}
	for _, line := range h.Values(name) {
		for token := range strings.SplitSeq(line, ",") {
			if token = strings.TrimSpace(token); token != "" {
				set[token] = true
			}
		}
	}
	return set
}

func liveCase(ctx context.Context, t *Target) error {
	hub := t.Hub("live")
	first, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	idA, err := t.PublishText(ctx, hub, "", "before")
	if err != nil {
		return err
	}
	if err := first.Expect(ctx, idA, "message", "before"); err != nil {
		return err
	}
	second, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	idB, err := t.PublishText(ctx, hub, "", "after")
	if err != nil {
		return err
	}
	if err := follows(idA, idB); err != nil {
		return err
	}
	for _, s := range []*Subscriber{first, second} {
		if err := s.Expect(ctx, idB, "message", "after"); err != nil {
			return err
		}
	}
	return nil
}

func headCase(ctx context.Context, t *Target) error {
	hub := t.Hub("head")
	watcher, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	a, err := t.Do(ctx, Request{Method: http.MethodHead, Path: eventsPath(hub)})
	if err != nil {
		return err
	}
	if a.Status != http.StatusOK {
		return fmt.Errorf("status %d, want 200", a.Status)
	}
	if err := streamHeaders(a.Header); err != nil {
		return err
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.Sessions != 1 {
		return fmt.Errorf("%d sessions after a HEAD beside one subscriber, want 1", info.Sessions)
	}
	return watcher.AwaitSize(ctx, 1)
}
