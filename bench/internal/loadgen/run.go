package loadgen

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Load is how a crowd publishes: in a closed loop with Outstanding events on their way, or at a Rate.
type Load struct {
	// Outstanding is how many events are published and not yet everywhere, at any time.
	Outstanding int
	// Rate, when it is not 0, is how many events a second are published, however long they take: an open loop.
	// Latencies then count from when an event was due, so that a server that stalls cannot hide it.
	Rate float64

	// Warmup is not measured, Duration is.
	Warmup, Duration time.Duration
}

// String describes the load for a table.
func (l Load) String() string {
	if l.Rate > 0 {
		return fmt.Sprintf("open, %.3g/s", l.Rate)
	}
	return fmt.Sprintf("closed, %d outstanding", l.Outstanding)
}

// Result is what was measured.
type Result struct {
	Duration   time.Duration // of the measurement
	Deliveries int64         // that arrived in it
	Latencies  *Histogram    // from publish to receive, of the events that were due in it
	Faults     Faults        // so far, since the audience has connected
}

// PerSecond is how many deliveries there were a second.
func (r *Result) PerSecond() float64 { return float64(r.Deliveries) / r.Duration.Seconds() }

// drain is how long deliveries may take that are still on their way at the end.
const drain = 10 * time.Second

// Run lets the crowd publish, and measures what arrives. probe is called right before and right after the measurement.
// A publish that fails ends it with an error; deliveries that fail are in the result's Faults.
func Run(ctx context.Context, c *Crowd, load Load, probe func()) (*Result, error) {
	a := c.audience
	runCtx, stop := context.WithCancel(ctx)
	defer stop()
	failed := make(chan error, 1)
	go func() {
		if load.Rate > 0 {
			failed <- c.open(runCtx, load.Rate)
		} else {
			failed <- c.closed(runCtx, load.Outstanding)
		}
	}()
	early := func(err error) (*Result, error) {
		if err == nil {
			err = ctx.Err()
		}
		return nil, err
	}
	if err, ended := wait(load.Warmup, failed); ended {
		return early(err)
	}
	probe()
	a.open(load.Duration)
	if err, ended := wait(load.Duration, failed); ended {
		return early(err)
	}
	r := a.shut()
	probe()
	stop()
	if err := <-failed; err != nil && !errors.Is(err, errStalled) {
		return nil, err
	}
	a.drained(ctx, c.published())
	r.Faults = a.check(c.published())
	return r, ctx.Err()
}

// wait waits for d, or until the publishers have ended.
func wait(d time.Duration, failed <-chan error) (err error, ended bool) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case err := <-failed:
		return err, true
	case <-timer.C:
		return nil, false
	}
}

// open begins a measurement that will take d.
func (a *Audience) open(d time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.now()
	a.window = window{from: now, to: now + d, open: true, latencies: NewHistogram()}
}

// shut ends it. Latencies of events that were due in it are still recorded.
func (a *Audience) shut() *Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.window.open = false
	return &Result{Duration: a.now() - a.window.from, Deliveries: a.window.deliveries, Latencies: a.window.latencies}
}

// drained waits until all that was published has arrived everywhere, at most for drain.
func (a *Audience) drained(ctx context.Context, published int64) {
	ctx, cancel := context.WithTimeout(ctx, drain)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for a.missing(published) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (a *Audience) missing(published int64) (n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.subs {
		n += published - s.received
	}
	return n
}

// check returns the faults, with those that only show in the end.
func (a *Audience) check(published int64) Faults {
	missing := a.missing(published)
	a.mu.Lock()
	defer a.mu.Unlock()
	f := a.faults
	f.Missing = missing
	for _, s := range a.subs {
		if s.order != a.subs[0].order {
			f.Disagree++
		}
	}
	return f
}
