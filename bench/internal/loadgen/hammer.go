package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Requests is what [Hammer] has measured.
type Requests struct {
	Duration  time.Duration
	Count     int64      // answers that came in it
	Latencies *Histogram // of those
}

// PerSecond is how many requests there were a second.
func (r *Requests) PerSecond() float64 { return float64(r.Count) / r.Duration.Seconds() }

// Hammer sends GET requests of path over conns connections that are kept alive, one after the other on each. Every
// answer must be 200 and want. probe is called right before and right after the measurement.
func Hammer(ctx context.Context, addr, path, want string, conns int, warmup, duration time.Duration, probe func()) (*Requests, error) {
	var measuring, stop atomic.Bool
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept: */*\r\n\r\n")
	histograms := make([]*Histogram, conns)
	parent := ctx
	group, ctx := errgroup.WithContext(parent)
	for i := range conns {
		histograms[i] = NewHistogram()
		c, err := dial(addr)
		if err != nil {
			stop.Store(true)
			return nil, errors.Join(err, group.Wait())
		}
		group.Go(func() error {
			defer c.close()
			for !stop.Load() && ctx.Err() == nil {
				began := time.Now()
				status, payload, err := c.do(request)
				if err != nil {
					return err
				}
				if status != 200 || !bytes.Equal(payload, []byte(want)) {
					return fmt.Errorf("loadgen: %s was answered with %d: %.200q", path, status, payload)
				}
				if measuring.Load() {
					histograms[i].Record(time.Since(began))
				}
			}
			return nil
		})
	}
	sleep(ctx, warmup)
	probe()
	began := time.Now()
	measuring.Store(true)
	sleep(ctx, duration)
	measuring.Store(false)
	took := time.Since(began)
	probe()
	stop.Store(true)
	if err := group.Wait(); err != nil {
		return nil, err
	}
	r := &Requests{Duration: took, Latencies: NewHistogram()}
	for _, h := range histograms {
		r.Latencies.Merge(h)
	}
	r.Count = r.Latencies.Count()
	return r, parent.Err()
}

func sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
