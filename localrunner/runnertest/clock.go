package runnertest

import (
	"slices"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/localrunner"
)

// clock stands still until somebody takes what is due.
type clock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*timer // in order of being due; of the same time, in order of being set
}

type timer struct {
	due time.Time
	f   func()
}

var _ localrunner.Clock = (*clock)(nil)

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &timer{c.now.Add(max(0, d)), f}
	at, _ := slices.BinarySearchFunc(c.timers, t, func(set, t *timer) int {
		if set.due.After(t.due) {
			return 1
		}
		return -1 // t goes behind those of its time
	})
	c.timers = slices.Insert(c.timers, at, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		at := slices.Index(c.timers, t)
		if at < 0 {
			return false
		}
		c.timers = slices.Delete(c.timers, at, at+1)
		return true
	}
}

// next takes out the first timer that is due by until, and sets the time to its own. Without one it sets the time to
// until and returns nil.
func (c *clock) next(until time.Time) func() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.timers) == 0 || c.timers[0].due.After(until) {
		c.now = until
		return nil
	}
	first := c.timers[0]
	c.timers = slices.Delete(c.timers, 0, 1)
	c.now = first.due
	return first.f
}
