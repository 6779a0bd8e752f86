package conformance

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// What a session that does not read may cost: its buffer of 1 MiB and the kernel's.
// The case publishes far more than that and far more than maxGrowth, so that a host
// that keeps what is not read shows in its memory.
const (
	stalledTotal = 96 << 20
	maxGrowth    = 64 << 20
)

func slowCases() []Case {
	return []Case{
		{
			Name:        "slow/stalled-reader",
			Explanation: "A subscriber that stops reading is dropped with bounded memory, while the others receive everything.",
			Alone:       true,
			Run:         stalledCase,
		},
		{
			Name:        "slow/late-reader",
			Explanation: "A subscriber that pauses within its bound receives everything in order once it reads on.",
			Run:         lateReaderCase,
		},
		{
			Name:        "slow/burst",
			Explanation: "A burst of large events does not end the streams of subscribers that read as fast as they can.",
			Alone:       true,
			Run:         burstCase,
		},
	}
}

// burstCase publishes, all at once, more than a session may have waiting.
func burstCase(ctx context.Context, t *Target) error {
	const publishers, size = 40, 60_000
	hub := t.Hub("burst")
	subscribers, err := subscribeMany(ctx, t, 3, func(int) string { return hub })
	if err != nil {
		return err
	}
	var publish errgroup.Group
	for range publishers {
		publish.Go(func() error {
			_, err := t.PublishText(ctx, hub, "", strings.Repeat("x", size))
			return err
		})
	}
	var receive errgroup.Group
	for _, s := range subscribers {
		receive.Go(func() error {
			last := ""
			for i := range publishers {
				e, err := s.Next(ctx)
				if err != nil {
					return fmt.Errorf("event %d of %d: %w", i+1, publishers, err)
				}
				if last != "" {
					if err := follows(last, e.LastEventID); err != nil {
						return err
					}
				}
				last = e.LastEventID
			}
			return nil
		})
	}
	return errors.Join(publish.Wait(), receive.Wait())
}

// stalled is a session whose bytes nobody reads until Read is called.
type stalled struct {
	net.Conn
	hub string
}

// stall opens a session of the hub on a connection of its own and reads nothing of it. The
// query, unless it is empty, is where it resumes from.
func (t *Target) stall(ctx context.Context, hub, query string) (*stalled, error) {
	host := t.base.Host
	if t.base.Port() == "" {
		host = net.JoinHostPort(t.base.Hostname(), t.base.Scheme)
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	// The kernel takes what the client does not; a small buffer makes it little. Below
	// two segments of the loopback device, though, reading it later would take minutes.
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetReadBuffer(128 << 10); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	if t.base.Scheme == "https" {
		conn = tls.Client(conn, &tls.Config{ServerName: t.base.Hostname()})
	}
	context.AfterFunc(ctx, func() { conn.Close() })
	_, err = fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n\r\n", Resume{Query: query}.request(hub).Path, t.base.Host)
	return &stalled{conn, hub}, err
}

// follow begins to read the session, through the reader that wrap returns.
func (s *stalled) follow(ctx context.Context, wrap func(io.Reader) io.Reader) (*Subscriber, error) {
	if deadline, ok := ctx.Deadline(); ok {
		if err := s.SetReadDeadline(deadline); err != nil {
			return nil, err
		}
	}
	resp, err := http.ReadResponse(bufio.NewReader(wrap(s.Conn)), nil)
	if err != nil {
		return nil, err
	}
	// Closing the body would read it to its end.
	resp.Body = struct {
		io.Reader
		io.Closer
	}{resp.Body, s.Conn}
	subscriber := newSubscriber(func() {})
	return subscriber, subscriber.follow(resp, s.hub)
}

// asItComes has follow read as fast as it can.
func asItComes(r io.Reader) io.Reader { return r }

func stalledCase(ctx context.Context, t *Target) error {
	hub := t.Hub("stalled")
	healthy, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	if t.Options.RSS != nil {
		// The load alone makes a host's heap grow to its working size. What is
		// measured below is what the stalled session adds to that.
		if err := publishInStep(ctx, t, hub, healthy, stalledTotal/MaxData); err != nil {
			return err
		}
	}
	slow, err := t.stall(ctx, hub, "")
	if err != nil {
		return err
	}
	defer slow.Close()
	if err := healthy.AwaitSize(ctx, 2); err != nil {
		return err
	}
	before, err := t.rss()
	if err != nil {
		return err
	}
	if err := publishInStep(ctx, t, hub, healthy, stalledTotal/MaxData); err != nil {
		return err
	}
	if err := awaitLeave(ctx, t, healthy, 1); err != nil {
		return fmt.Errorf("after %d MiB that one of two subscribers did not read: %w", stalledTotal>>20, err)
	}
	after, err := t.rss()
	if err != nil {
		return err
	}
	if grown := after - before; grown > maxGrowth {
		return fmt.Errorf("memory grew by %d MiB while %d MiB were published to a client that does not read, want at most %d MiB",
			grown>>20, stalledTotal>>20, maxGrowth>>20)
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.Sessions != 1 {
		return fmt.Errorf("info tells of %d sessions, want 1", info.Sessions)
	}
	return slow.ends(ctx)
}

func (t *Target) rss() (int64, error) {
	if t.Options.RSS == nil {
		return 0, nil
	}
	return t.Options.RSS()
}

// ends reads what the kernel holds and expects the connection's end behind it: a client
// that was dropped must learn of it, or it would never come back.
func (s *stalled) ends(ctx context.Context) error {
	buf := make([]byte, 64<<10)
	for {
		if err := s.SetReadDeadline(time.Now().Add(slack)); err != nil {
			return err
		}
		_, err := s.Read(buf)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the dropped client's connection stays open")
		}
		if ctx.Err() != nil {
			return fmt.Errorf("reading what the kernel held: %w", context.Cause(ctx))
		}
		if err != nil {
			return nil // An end and a reset both tell.
		}
	}
}

// publishInStep publishes n events of the largest size, never more than a few ahead of
// the subscriber, which must receive each: it is not the one to be dropped.
func publishInStep(ctx context.Context, t *Target, hub string, s *Subscriber, n int) error {
	const ahead = 4
	var ids []string
	data := func(i int) string { return fmt.Sprintf("%0*d", MaxData, i) }
	for i := range n + ahead {
		if i < n {
			id, err := t.PublishText(ctx, hub, "", data(i))
			if err != nil {
				return fmt.Errorf("event %d: %w", i, err)
			}
			ids = append(ids, id)
		}
		if k := i - ahead; k >= 0 {
			if err := s.Expect(ctx, ids[k], "message", data(k)); err != nil {
				return fmt.Errorf("event %d: %w", k, err)
			}
			if k > 0 {
				if err := follows(ids[k-1], ids[k]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func lateReaderCase(ctx context.Context, t *Target) error {
	const n, size = 100, 4 << 10
	hub := t.Hub("late")
	healthy, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	late, err := t.stall(ctx, hub, "")
	if err != nil {
		return err
	}
	defer late.Close()
	if err := healthy.AwaitSize(ctx, 2); err != nil {
		return err
	}
	var ids []string
	for i := range n {
		id, err := t.PublishText(ctx, hub, "", strings.Repeat(string(rune('a'+i%26)), size))
		if err != nil {
			return err
		}
		ids = append(ids, id)
	}
	reader, err := late.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	for i, id := range ids {
		if err := reader.Expect(ctx, id, "message", strings.Repeat(string(rune('a'+i%26)), size)); err != nil {
			return fmt.Errorf("event %d: %w", i, err)
		}
	}
	return nil
}
