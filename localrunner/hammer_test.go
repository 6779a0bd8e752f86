package localrunner

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
)

// acks is what publishers of one hub were told.
type acks struct {
	mu   sync.Mutex
	data map[int]string // by sequence number
}

func (a *acks) add(t testing.TB, id, data string) {
	n, err := strconv.Atoi(seq(id))
	require.NoError(t, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	assert.NotContains(t, a.data, n, "an id was given twice")
	a.data[n] = data
}

// TestHammer has everything happen at once: hubs fall asleep and fail, instances are lost, clients come and go, time
// passes. Whoever stays must hear exactly what was acknowledged.
func TestHammer(t *testing.T) {
	const workers, rounds, hubs, quiet = 16, 25, 8, 3
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock, Storage: t.TempDir()})
	told := make([]acks, hubs+quiet) // the last ones have no subscribers, so that they fall asleep
	for i := range told {
		told[i].data = make(map[int]string)
	}
	var staying []*subscriber
	for i := range hubs {
		staying = append(staying, s.subscribe(name(i)))
	}

	stop := make(chan struct{})
	var time_, work errgroup.Group
	time_.Go(func() error {
		for {
			select {
			case <-stop:
				return nil
			default:
				clock.Advance(3 * time.Second)
				s.info("clock") // so that it does not spin
			}
		}
	})
	for w := range workers {
		random := rand.New(rand.NewPCG(uint64(w), 1))
		work.Go(func() error {
			for n := range rounds {
				i := random.IntN(len(told))
				switch what := random.IntN(10); {
				case what < 7:
					data := fmt.Sprint(w, "/", n)
					a, err := s.try("POST", "/hubs/"+name(i)+"/events", "text/plain", data)
					if err != nil {
						return err
					}
					if a.StatusCode == 200 {
						told[i].add(t, idOf(t, a), data)
					} else {
						problem(t, a, 503, "") // another hub has lost their instance
					}
				case what < 9:
					if sub, err := s.trySubscribe(name(i % hubs)); err == nil {
						sub.leave()
					}
				default:
					fault := []string{"panic", "block", "exit"}[random.IntN(3)]
					a, err := s.try("POST", "/hubs/"+name(i)+"/faults/"+fault, "", "")
					if err != nil {
						return err
					}
					assert.GreaterOrEqual(t, a.StatusCode, 500)
				}
			}
			return nil
		})
	}
	require.NoError(t, work.Wait())
	close(stop)
	require.NoError(t, time_.Wait())

	for i := range told {
		told[i].add(t, s.publish(name(i), "end"), "end")
		assert.Contains(t, told[i].data, len(told[i].data), "ids have no hole")
	}
	for i, sub := range staying {
		for n := 1; n <= len(told[i].data); n++ {
			e := sub.message()
			assert.Equal(t, strconv.Itoa(n), seq(e.LastEventID))
			assert.Equal(t, told[i].data[n], e.Data)
		}
		s.waitSessions(name(i), 1)
	}
}

func name(i int) string { return "hub" + strconv.Itoa(i) }
