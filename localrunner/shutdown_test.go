package localrunner

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func TestCloseEndsStreamsAndKeepsWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, Options{Storage: dir})
	subs := []*subscriber{s.subscribe("a"), s.subscribe("a"), s.subscribe("b")}
	streams := readAll(subs)
	acked := make([]string, 4) // the last id that each publisher was told
	var publishers errgroup.Group
	began := make(chan struct{}, len(acked))
	for i := range acked {
		publishers.Go(func() error {
			for n := 0; ; n++ {
				a, err := s.try("POST", "/hubs/a/events", "text/plain", "x")
				if err != nil {
					return err
				}
				if a.StatusCode == http.StatusServiceUnavailable {
					return nil
				}
				acked[i] = idOf(t, a)
				if n == 0 {
					began <- struct{}{}
				}
			}
		})
	}
	for range acked {
		<-began
	}
	require.NoError(t, s.Close(context.Background()))
	require.NoError(t, publishers.Wait())
	assert.ErrorIs(t, s.Close(context.Background()), ErrClosed)

	var last string
	for range subs {
		stream := <-streams
		assert.ErrorIs(t, stream.err, io.EOF, "the stream ends, it does not break")
		require.NotEmpty(t, stream.items)
		end := stream.items[len(stream.items)-1]
		assert.Equal(t, sse.KindRetry, end.Kind)
		assert.Equal(t, time.Second, end.Retry)
	}
	for _, id := range acked {
		if len(id) > len(last) || len(id) == len(last) && id > last {
			last = id
		}
	}
	for _, path := range []string{"/healthz", "/hubs/a", "/hubs/a/events", "/handler/hello"} {
		a := s.do("GET", path, "", "")
		problem(t, a, 503, ErrClosed.Error())
		assert.NotEmpty(t, a.Header.Get("Retry-After"))
	}
	assert.Empty(t, goroutinesOf(s.Runner))

	again := serve(t, Options{Storage: dir})
	assert.Equal(t, last, again.info("a").LastEventID)
}

type wire struct {
	items []sse.Item
	err   error
}

// readAll reads the streams to their ends, all at once: none of them shall be a slow one.
func readAll(subs []*subscriber) <-chan wire {
	streams := make(chan wire, len(subs))
	for _, sub := range subs {
		go func() {
			items, err := sub.rest()
			streams <- wire{items, err}
		}()
	}
	return streams
}

// goroutinesOf are the names of hubs that are still at work.
func goroutinesOf(r *Runner) (names []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for addr, h := range r.hubs {
		h.mu.Lock()
		if h.running || !h.dead || h.heartbeat != nil || len(h.timers) > 0 {
			names = append(names, addr.Name)
		}
		h.mu.Unlock()
	}
	return names
}

// TestStreamThatOpensDuringClose: its turn ran after all other streams of the hub had been ended.
func TestStreamThatOpensDuringClose(t *testing.T) {
	s := serve(t, Options{})
	s.info("a")
	s.awake("a").endStreams()
	sub, err := s.trySubscribe("a")
	require.NoError(t, err)
	items, err := sub.rest()
	assert.ErrorIs(t, err, io.EOF)
	require.Len(t, items, 1)
	assert.Equal(t, sse.KindRetry, items[0].Kind)
	s.waitSessions("a", 0)
}

func TestCloseCutsWhoDoesNotRead(t *testing.T) {
	s := serve(t, Options{})
	res, err := s.http.Get(s.url + "/hubs/a/events")
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 1, s.info("a").Sessions)
	h := s.awake("a")
	for waiting(h) < 128<<10 { // its connection has taken what it could
		s.publish("a", strings.Repeat("x", 60<<10))
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, s.Close(ctx), context.DeadlineExceeded)
	_, err = io.Copy(io.Discard, res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "its request ends nevertheless")
}

func TestCloseWhileTimersAreDue(t *testing.T) {
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock})
	streams := readAll([]*subscriber{s.subscribe("a"), s.subscribe("b"), s.subscribe("c")})
	stop := make(chan struct{})
	var ticking errgroup.Group
	ticking.Go(func() error {
		for {
			select {
			case <-stop:
				return nil
			default:
				clock.Advance(actor.IdleTimeout)
			}
		}
	})
	require.NoError(t, s.Close(context.Background()))
	close(stop)
	require.NoError(t, ticking.Wait())
	for range 3 {
		assert.ErrorIs(t, (<-streams).err, io.EOF)
	}
	clock.FireStopped(interval)
	clock.FireStopped(actor.IdleTimeout)
	assert.Empty(t, goroutinesOf(s.Runner))
	assert.Zero(t, clock.Pending(interval))
	assert.Zero(t, clock.Pending(actor.IdleTimeout))
}

func TestCloseTwiceAtOnce(t *testing.T) {
	s := serve(t, Options{})
	results := make(chan error, 2)
	for range 2 {
		go func() { results <- s.Close(context.Background()) }()
	}
	first, second := <-results, <-results
	if first == nil {
		first, second = second, first
	}
	assert.ErrorIs(t, first, ErrClosed)
	assert.NoError(t, second)
}
