package localrunner

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

func settle(t testing.TB, r *Runner) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	require.NoError(t, r.Settle(ctx))
}

func TestActivity(t *testing.T) {
	var a activity
	ctx, cancel := context.WithCancel(context.Background())
	require.NoError(t, a.wait(ctx), "nothing runs")
	a.add(1)
	var waiting errgroup.Group
	for range 4 {
		waiting.Go(func() error { return a.wait(context.Background()) })
	}
	var working errgroup.Group
	for range 4 {
		working.Go(func() error {
			for range 1000 {
				a.add(1)
				a.add(-1)
			}
			return nil
		})
	}
	require.NoError(t, working.Wait())
	a.add(-1)
	require.NoError(t, waiting.Wait())

	a.add(1)
	cancel()
	assert.ErrorIs(t, a.wait(ctx), context.Canceled)
}

// TestSettle: what a request has set going, for others as well, is over.
func TestSettle(t *testing.T) {
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock})
	settle(t, s.Runner)
	subs := []*subscriber{s.subscribe("a"), s.subscribe("a"), s.subscribe("b")}
	var publishers errgroup.Group
	for range 4 {
		publishers.Go(func() error {
			for range 25 {
				if _, err := s.try("POST", "/hubs/a/events", "text/plain", "x"); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, publishers.Wait())
	settle(t, s.Runner)
	assert.Zero(t, s.busy.n.Load())
	assert.Zero(t, waiting(s.awake("a")), "it is written")
	for range 100 {
		subs[0].message()
	}
	subs[1].leave()
	s.waitSessions("a", 1)
	settle(t, s.Runner)
	clock.Advance(2 * actor.IdleTimeout)
	settle(t, s.Runner)
	assert.Zero(t, s.busy.n.Load(), "nothing was counted twice")
}

func TestSettleWaitsForATurn(t *testing.T) {
	g := newGate()
	s := serve(t, Options{Clock: newFakeClock(), StorageFault: g.fault})
	group := g.batch(t, s, "a", func() error {
		_, err := s.try("POST", "/hubs/a/events", "text/plain", "x")
		return err
	})
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	assert.ErrorIs(t, s.Settle(ctx), context.DeadlineExceeded)
	g.release()
	require.NoError(t, group.Wait())
	settle(t, s.Runner)
}

// pacer is a client that goes on when it is told to.
type pacer struct {
	*httptest.ResponseRecorder
	r    *Runner
	next chan struct{}
}

func (p *pacer) Pace() {
	p.r.Busy(-1)
	<-p.next
}

func TestPacer(t *testing.T) {
	s := serve(t, Options{Clock: newFakeClock()})
	p := &pacer{httptest.NewRecorder(), s.Runner, make(chan struct{})}
	goOn := func() {
		s.Busy(1)
		p.next <- struct{}{}
		settle(t, s.Runner)
	}
	ctx, cancel := context.WithCancel(context.Background())
	req := httptest.NewRequestWithContext(ctx, "GET", "/hubs/a/events", nil)
	done := make(chan bool, 1)
	go s.Serve(p, req, func(aborted bool) { done <- aborted })
	s.waitSessions("a", 1)
	settle(t, s.Runner)
	s.publish("a", "first")
	settle(t, s.Runner)
	assert.Empty(t, p.Body.String())
	goOn()
	assert.Equal(t, 1, strings.Count(p.Body.String(), "data: first\n"))
	s.publish("a", "second")
	settle(t, s.Runner)
	assert.NotContains(t, p.Body.String(), "second")
	goOn()
	assert.Contains(t, p.Body.String(), "second")
	goOn() // there is nothing more
	cancel()
	assert.True(t, <-done, "it was the client who left")
	s.waitSessions("a", 0)

	s.Serve(httptest.NewRecorder(), httptest.NewRequest("GET", "/healthz", nil), func(aborted bool) { done <- aborted })
	assert.False(t, <-done)
	panics := panicWriter{http.Header{}}
	assert.Panics(t, func() { s.Serve(panics, httptest.NewRequest("GET", "/healthz", nil), func(bool) {}) })
	settle(t, s.Runner)
}

func TestEvict(t *testing.T) {
	clock := newFakeClock()
	dir := t.TempDir()
	s := serve(t, Options{Clock: clock, Storage: dir})
	ctx := t.Context()
	addr := actor.Address{Class: "Hub", Name: "a"}
	require.NoError(t, s.Evict(ctx, addr), "it sleeps")
	assert.Nil(t, s.awake("a"))

	sub := s.subscribe("a")
	s.publish("a", "one")
	log := filepath.Join(dir, "+hub", "a.sqlite-wal")
	assert.FileExists(t, log)
	require.NoError(t, s.Evict(ctx, addr))
	_, err := os.Stat(log)
	assert.ErrorIs(t, err, os.ErrNotExist, "the connection is closed")
	h := s.awake("a")
	settle(t, s.Runner)
	assert.False(t, h.known)
	assert.Empty(t, h.timers)
	assert.Len(t, h.states, 1)

	assert.Equal(t, "2", seq(s.publish("a", "two")))
	assert.Equal(t, 1, s.info("a").Sessions)
	for _, data := range []string{"one", "two"} {
		assert.Equal(t, data, sub.message().Data)
	}
}

// TestControlsUnderLoad: an eviction stands in the queue like others, and a crash hits whatever runs.
func TestControlsUnderLoad(t *testing.T) {
	s := serve(t, Options{Storage: t.TempDir()})
	subs := []*subscriber{s.subscribe("a"), s.subscribe("b")}
	stop := make(chan struct{})
	var acked [2][]string
	var publishers, faults errgroup.Group
	for i, hub := range []string{"a", "b"} {
		publishers.Go(func() error {
			for n := range 150 {
				data := fmt.Sprint(hub, n)
				a, err := s.try("POST", "/hubs/"+hub+"/events", "text/plain", data)
				if err != nil {
					return err
				}
				if a.StatusCode == http.StatusOK {
					acked[i] = append(acked[i], data)
				} else if a.StatusCode != http.StatusServiceUnavailable {
					return fmt.Errorf("status %d: %s", a.StatusCode, a.body)
				}
			}
			return nil
		})
	}
	faults.Go(func() error {
		for n := 0; ; n++ {
			select {
			case <-stop:
				return nil
			default:
			}
			if n%10 == 0 {
				s.KillInstances()
			}
			// A lost instance has lost the hub's value, too.
			_ = s.Evict(context.Background(), actor.Address{Class: "Hub", Name: "a"})
		}
	})
	require.NoError(t, publishers.Wait())
	close(stop)
	require.NoError(t, faults.Wait())
	for i, sub := range subs {
		for n, data := range acked[i] {
			e := sub.message()
			require.Equal(t, data, e.Data)
			require.Equal(t, fmt.Sprint(n+1), seq(e.LastEventID))
		}
	}
	assert.NotEmpty(t, acked[0])
}

func TestKillInstancesInATurn(t *testing.T) {
	var s *server
	var kill sync.Once
	armed := false
	s = serve(t, Options{Isolates: 1, StorageFault: func(string) error {
		if armed {
			kill.Do(func() { s.KillInstances() })
		}
		return nil
	}})
	s.subscribe("a")
	settle(t, s.Runner)
	armed = true
	problem(t, s.post("a", "lost"), 503, errKilled.Error())
	assert.Equal(t, "1", seq(s.publish("a", "next")))
	assert.Equal(t, 1, s.info("a").Sessions)
}

func TestTrace(t *testing.T) {
	var mu sync.Mutex
	var kinds []actor.InputKind
	var lost int
	s := serve(t, Options{Clock: newFakeClock(), Trace: func(hub actor.Address, input, output []byte) {
		mu.Lock()
		defer mu.Unlock()
		in, err := abi.DecodeInput(input)
		assert.NoError(t, err)
		assert.Equal(t, in.Hub, hub)
		kinds = append(kinds, in.Kind)
		if output == nil {
			lost++
			return
		}
		_, err = abi.DecodeOutput(output)
		assert.NoError(t, err)
	}})
	s.publish("a", "x")
	problem(t, s.do("POST", "/hubs/a/faults/exit", "", ""), 503, "os.Exit(3)")
	settle(t, s.Runner)
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []actor.InputKind{actor.InputWake, actor.InputRequest, actor.InputRequest}, kinds)
	assert.Equal(t, 1, lost)
}

func TestStorageFaults(t *testing.T) {
	var mu sync.Mutex
	var ops []string
	var fail error
	s := serve(t, Options{StorageFault: func(op string) error {
		mu.Lock()
		defer mu.Unlock()
		ops = append(ops, op)
		return fail
	}})
	s.publish("a", "x")
	for _, c := range []struct {
		err    error
		status int
	}{{ErrStorageFull, 507}, {ErrStorageIO, 503}} {
		mu.Lock()
		fail = c.err
		mu.Unlock()
		problem(t, s.post("a", "lost"), c.status, c.err.Error())
	}
	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{StoragePut, StoragePut, StorageCommit, StoragePut, StoragePut}, ops)
}
