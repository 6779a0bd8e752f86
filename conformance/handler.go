package conformance

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// streamPause is what the test program's handler sleeps between two lines.
const streamPause = 20 * time.Millisecond

func handlerCases() []Case {
	cases := []Case{
		{
			Name:        "handler/hello",
			Explanation: "The app's http.Handler answers what no hub does.",
			Run: func(ctx context.Context, t *Target) error {
				return t.handlerAnswers(ctx, Request{Method: http.MethodGet, Path: "/handler/hello"}, http.StatusOK, "hello, handler\n")
			},
		},
		{
			Name:        "handler/echo",
			Explanation: "A handler reads the whole body of a request, with its method and headers, and sends it back unchanged.",
			Run:         echoCase,
		},
		{
			Name:        "handler/stream",
			Explanation: "What a handler flushes arrives while it sleeps before the next part.",
			Run: func(ctx context.Context, t *Target) error {
				first, last, err := t.handlerStream(ctx, "one", 20)
				if err == nil && last.Sub(first) < 19*streamPause/2 {
					err = fmt.Errorf("first and last of 20 lines came %v apart, want about %v", last.Sub(first), 19*streamPause)
				}
				return err
			},
		},
		{
			Name:        "handler/streams-apart",
			Explanation: "Twenty streams of handlers that sleep do not disturb each other, nor do hubs meanwhile.",
			Run:         streamsApartCase,
		},
		{
			Name:        "handler/env",
			Explanation: "A handler reads the vars of wrangler.toml.",
			Run: func(ctx context.Context, t *Target) error {
				a, err := t.Get(ctx, "/handler/env?name=GREETING")
				if err != nil {
					return err
				}
				if a.Status != http.StatusOK || string(a.Body) != Greeting {
					return fmt.Errorf("status %d, body %.200q; want 200, %q", a.Status, a.Body, Greeting)
				}
				a, err = t.Get(ctx, "/handler/env?name=NO_SUCH_VAR")
				if err == nil && a.Status != http.StatusNotFound {
					err = fmt.Errorf("status %d for a var that does not exist, want 404", a.Status)
				}
				return err
			},
		},
		{
			Name:        "handler/status",
			Explanation: "A handler's status arrives as it is.",
			Run: func(ctx context.Context, t *Target) error {
				for _, status := range []int{201, 204, 302, 404, 418, 503} {
					a, err := t.Get(ctx, fmt.Sprint("/handler/status?code=", status))
					if err != nil {
						return err
					}
					if a.Status != status {
						return fmt.Errorf("status %d, want %d", a.Status, status)
					}
				}
				return nil
			},
		},
		{
			Name:        "handler/panic",
			Explanation: "A handler that panics is answered with a problem, and the next request is served.",
			Run:         handlerPanicCase,
		},
	}
	for i := range cases {
		cases[i].Group = Handler
	}
	return cases
}

func (t *Target) handlerAnswers(ctx context.Context, r Request, status int, body string) error {
	a, err := t.Do(ctx, r)
	if err != nil {
		return err
	}
	if a.Status != status || mediaType(a.Header) != "text/plain" || string(a.Body) != body {
		return fmt.Errorf("status %d, content type %q, body %.200q; want %d, text/plain, %q", a.Status, a.Header.Get("Content-Type"), a.Body, status, body)
	}
	return nil
}

func echoCase(ctx context.Context, t *Target) error {
	for _, size := range []int{0, 1, 64 << 10, 1 << 20} {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			body := strings.Repeat("echo\x00\xff\r\n", size/8+1)[:size]
			r := post("/handler/echo", "application/x-test; a=b", body)
			r.Method = method
			r.Chunked = size > 1 && method == http.MethodPut
			a, err := t.Do(ctx, r)
			if err != nil {
				return err
			}
			if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/x-test; a=b" || a.Header.Get("X-Method") != method {
				return fmt.Errorf("%s of %d bytes: status %d, content type %q, X-Method %q", method, size, a.Status, a.Header.Get("Content-Type"), a.Header.Get("X-Method"))
			}
			if string(a.Body) != body {
				return fmt.Errorf("%s of %d bytes came back as %d other bytes", method, size, len(a.Body))
			}
		}
	}
	return nil
}

// handlerStream reads a stream of n lines and returns when its first and last came.
func (t *Target) handlerStream(ctx context.Context, tag string, n int) (first, last time.Time, err error) {
	req, err := t.newRequest(ctx, Request{Method: http.MethodGet, Path: fmt.Sprintf("/handler/stream?n=%d&tag=%s", n, url.QueryEscape(tag))})
	if err != nil {
		return first, last, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return first, last, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return first, last, fmt.Errorf("stream %s: status %d", tag, resp.StatusCode)
	}
	lines := bufio.NewScanner(resp.Body)
	got := 0
	for lines.Scan() {
		got++
		if last = time.Now(); got == 1 {
			first = last
		}
		if want := fmt.Sprintf("%s %d", tag, got); lines.Text() != want {
			return first, last, fmt.Errorf("stream %s: line %q, want %q", tag, lines.Text(), want)
		}
	}
	if err := lines.Err(); err != nil {
		return first, last, fmt.Errorf("stream %s: %w", tag, err)
	}
	if got != n {
		return first, last, fmt.Errorf("stream %s: %d lines, want %d", tag, got, n)
	}
	return first, last, nil
}

func streamsApartCase(ctx context.Context, t *Target) error {
	hub := t.Hub("beside")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	var g errgroup.Group
	for i := range 20 {
		g.Go(func() error {
			_, _, err := t.handlerStream(ctx, fmt.Sprint("stream-", i), 15)
			return err
		})
	}
	err = publishInOrder(ctx, t, hub, s, 20)
	return errors.Join(err, g.Wait())
}

func handlerPanicCase(ctx context.Context, t *Target) error {
	for range 5 {
		a, err := t.Get(ctx, "/handler/panic")
		if err != nil {
			return err
		}
		if err := failure(a, "panic"); err != nil {
			return err
		}
		if err := t.handlerAnswers(ctx, Request{Method: http.MethodGet, Path: "/handler/hello"}, http.StatusOK, "hello, handler\n"); err != nil {
			return fmt.Errorf("after a panic: %w", err)
		}
	}
	return nil
}
