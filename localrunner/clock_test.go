package localrunner

import (
	"slices"
	"sync"
	"time"
)

// fakeClock stands still until it is advanced.
type fakeClock struct {
	mu      sync.Mutex
	now     time.Time
	timers  []*fakeTimer
	stopped []*fakeTimer
}

type fakeTimer struct {
	after time.Duration
	at    time.Time
	f     func()
}

func newFakeClock() *fakeClock {
	return &fakeClock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{d, c.now.Add(d), f}
	c.timers = append(c.timers, t)
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		i := slices.Index(c.timers, t)
		if i < 0 {
			return false
		}
		c.timers = slices.Delete(c.timers, i, i+1)
		c.stopped = append(c.stopped, t)
		return true
	}
}

// Advance lets d pass: what becomes due runs on the way, each at its time.
func (c *fakeClock) Advance(d time.Duration) {
	c.mu.Lock()
	until := c.now.Add(d)
	for {
		var first *fakeTimer
		for _, t := range c.timers {
			if !t.at.After(until) && (first == nil || t.at.Before(first.at)) {
				first = t
			}
		}
		if first == nil {
			break
		}
		i := slices.Index(c.timers, first)
		c.timers = slices.Delete(c.timers, i, i+1)
		c.now = first.at
		c.mu.Unlock()
		first.f()
		c.mu.Lock()
	}
	c.now = until
	c.mu.Unlock()
}

// FireStopped runs the timers of that duration that were stopped: a real clock may have begun to run them already.
func (c *fakeClock) FireStopped(d time.Duration) (n int) {
	c.mu.Lock()
	stopped := slices.Clone(c.stopped)
	c.mu.Unlock()
	for _, t := range stopped {
		if t.after == d {
			t.f()
			n++
		}
	}
	return n
}

// Pending is how many timers of that duration are set.
func (c *fakeClock) Pending(d time.Duration) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.timers {
		if t.after == d {
			n++
		}
	}
	return n
}
