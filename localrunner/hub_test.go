package localrunner

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// gate is a storage.Options.Fault that counts, that can hold a commit up, and that can fail.
type gate struct {
	mu      sync.Mutex
	commits int
	hold    bool
	fail    func(op string) error

	holding, goOn chan struct{}
	release       func() // lets the commit go on
}

func newGate() *gate {
	g := &gate{holding: make(chan struct{}), goOn: make(chan struct{})}
	g.release = sync.OnceFunc(func() { close(g.goOn) })
	return g
}

func (g *gate) fault(op string) error {
	g.mu.Lock()
	hold := g.hold && op == storage.OpCommit
	if hold {
		g.hold = false
	}
	if op == storage.OpCommit {
		g.commits++
	}
	fail := g.fail
	g.mu.Unlock()
	if hold {
		g.holding <- struct{}{}
		<-g.goOn
	}
	if fail != nil {
		return fail(op)
	}
	return nil
}

func (g *gate) failWith(fail func(op string) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fail = fail
}

// batch holds a first commit up while the requests queue, one after the other, so that they will run together. The
// runner's clock must stand still, for a timer would queue as well.
func (g *gate) batch(t *testing.T, s *server, hub string, requests ...func() error) *errgroup.Group {
	t.Helper()
	t.Cleanup(g.release) // whatever happens: nothing can be closed before
	g.mu.Lock()
	g.hold = true
	g.mu.Unlock()
	var group errgroup.Group
	group.Go(func() error {
		a, err := s.try("POST", "/hubs/"+hub+"/events", "text/plain", "first")
		if err == nil && a.StatusCode != 200 {
			err = errors.New(a.body)
		}
		return err
	})
	<-g.holding
	for i, request := range requests {
		group.Go(request)
		eventually(t, func() bool { return s.queued(hub) == i+1 })
	}
	return &group
}

func TestGroupCommit(t *testing.T) {
	const publishers = 50
	g := newGate()
	s := serve(t, Options{Clock: newFakeClock(), Storage: t.TempDir(), StorageFault: g.fault})
	sub := s.subscribe("a")
	requests := make([]func() error, publishers)
	for i := range requests {
		requests[i] = func() error {
			a, err := s.try("POST", "/hubs/a/events", "text/plain", fmt.Sprint(i))
			if err == nil {
				assert.Equal(t, fmt.Sprint(i+2), seq(idOf(t, a)))
			}
			return err
		}
	}
	group := g.batch(t, s, "a", requests...)
	g.release()
	require.NoError(t, group.Wait())
	assert.Equal(t, 2, g.commits, "all that waited shared a commit")
	assert.Equal(t, "first", sub.message().Data)
	for i := range publishers {
		assert.Equal(t, fmt.Sprint(i), sub.message().Data)
	}
}

func TestInstanceLostInTheMiddleOfABatch(t *testing.T) {
	for _, fault := range []string{"panic", "block", "exit"} {
		t.Run(fault, func(t *testing.T) {
			g := newGate()
			s := serve(t, Options{Clock: newFakeClock(), StorageFault: g.fault})
			sub := s.subscribe("a")
			expect := func(path string, status int) func() error {
				return func() error {
					a, err := s.try("POST", "/hubs/a"+path, "text/plain", "x")
					if err == nil && a.StatusCode != status {
						err = fmt.Errorf("%s: status %d, want %d: %s", path, a.StatusCode, status, a.body)
					}
					return err
				}
			}
			status := 503
			if fault == "panic" {
				status = 500
			}
			group := g.batch(t, s, "a", expect("/events", 200), expect("/faults/"+fault, status), expect("/events", 200))
			g.release()
			require.NoError(t, group.Wait())
			for n := 1; n <= 3; n++ {
				assert.Equal(t, fmt.Sprint(n), seq(sub.message().LastEventID))
			}
			assert.Equal(t, 1, s.info("a").Sessions)
		})
	}
}

func TestFailedWrites(t *testing.T) {
	g := newGate()
	s := serve(t, Options{Storage: t.TempDir(), StorageFault: g.fault})
	// The first event takes two writes and a commit, the others a write and a commit.
	for nth := 1; nth <= 7; nth++ {
		t.Run(fmt.Sprint(nth), func(t *testing.T) {
			hub := fmt.Sprint("hub", nth)
			sub := s.subscribe(hub)
			n, failed := 0, ""
			g.failWith(func(op string) error {
				if n++; n == nth {
					failed = op
					return fmt.Errorf("on purpose: %w", storage.ErrFull)
				}
				return nil
			})
			var acked []string
			for i := range 4 {
				data := fmt.Sprint("event ", i)
				switch a := s.post(hub, data); {
				case a.StatusCode == 200:
					acked = append(acked, data)
					assert.Equal(t, fmt.Sprint(len(acked)), seq(idOf(t, a)))
				default:
					problem(t, a, 507, "on purpose")
				}
			}
			assert.NotEmpty(t, failed)
			require.Len(t, acked, 3, "one of them failed")
			for i, data := range acked {
				e := sub.message()
				assert.Equal(t, data, e.Data)
				assert.Equal(t, fmt.Sprint(i+1), seq(e.LastEventID))
			}
			assert.Equal(t, 1, s.info(hub).Sessions)
		})
	}
}

// TestFailedCommitOfComingsAndGoings: who joined in it never came, who left is gone all the same.
func TestFailedCommitOfComingsAndGoings(t *testing.T) {
	g := newGate()
	s := serve(t, Options{Clock: newFakeClock(), StorageFault: g.fault})
	leaves, stays := s.subscribe("a"), s.subscribe("a")
	group := g.batch(t, s, "a",
		func() error { leaves.leave(); return nil },
		func() error {
			_, err := s.trySubscribe("a")
			assert.ErrorContains(t, err, "status 503")
			return nil
		},
		func() error {
			a, err := s.try("POST", "/hubs/a/events", "text/plain", "lost")
			assert.Equal(t, 503, a.StatusCode)
			return err
		},
	)
	commits := 0
	g.failWith(func(op string) error {
		if op == storage.OpCommit {
			if commits++; commits == 1 {
				return errors.New("on purpose")
			}
		}
		return nil
	})
	g.release()
	require.NoError(t, group.Wait())
	assert.Equal(t, 1, s.info("a").Sessions)
	assert.Equal(t, "2", seq(s.publish("a", "next")))
	assert.Equal(t, "first", stays.message().Data)
	assert.Equal(t, "next", stays.message().Data)
}
