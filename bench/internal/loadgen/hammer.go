package loadgen

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// Requests is what [Hammer] or [Publish] has measured.
type Requests struct {
	Duration  time.Duration
	Count     int64      // answers that came in it
	Latencies *Histogram // of those
	Total     int64      // answers, with those that came before and behind it
}

// PerSecond is how many requests there were a second.
func (r *Requests) PerSecond() float64 { return float64(r.Count) / r.Duration.Seconds() }

// Hammer sends GET requests of path over conns connections that are kept alive, one after the other on each. Every
// answer must be 200 and want. probe is called right before and right after the measurement.
func Hammer(ctx context.Context, addr, path, want string, conns int, warmup, duration time.Duration, probe func()) (*Requests, error) {
	request := []byte("GET " + path + " HTTP/1.1\r\nHost: " + addr + "\r\nAccept: */*\r\n\r\n")
	return hammer(ctx, addr, conns, warmup, duration, probe, func(int) func(*client) error {
		return func(c *client) error {
			status, payload, err := c.do(request)
			if err == nil && (status != 200 || !bytes.Equal(payload, []byte(want))) {
				err = fmt.Errorf("loadgen: %s was answered with %d: %.200q", path, status, payload)
			}
			return err
		}
	})
}

// Publish lets publishers publish events of size bytes to hubs, one after the other each; nobody needs to listen. They
// spread over paths, of which each is POSTed text to. Every answer must be 200 and tell the event's id as a JSON object.
func Publish(ctx context.Context, addr string, paths []string, publishers, size int, warmup, duration time.Duration) (*Requests, error) {
	began := time.Now()
	return hammer(ctx, addr, publishers, warmup, duration, func() {}, func(i int) func(*client) error {
		path := paths[i%len(paths)]
		request, payload := publishRequest(addr, path, size)
		m := mark{publisher: uint16(i)}
		return func(c *client) error {
			m.number, m.at = m.number+1, time.Since(began)
			m.put(payload)
			status, answer, err := c.do(request)
			if err != nil {
				return err
			}
			var event struct{ ID string }
			if status != 200 || json.Unmarshal(answer, &event) != nil || event.ID == "" {
				return fmt.Errorf("loadgen: an event to %s was answered with %d: %.200q", path, status, answer)
			}
			return nil
		}
	})
}

// hammer repeats a request on each of conns connections; requests makes the i-th connection's.
func hammer(ctx context.Context, addr string, conns int, warmup, duration time.Duration, probe func(), requests func(i int) func(*client) error) (*Requests, error) {
	var measuring, stop atomic.Bool
	var total atomic.Int64
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
		request := requests(i)
		group.Go(func() error {
			defer c.close()
			for !stop.Load() && ctx.Err() == nil {
				began := time.Now()
				if err := request(c); err != nil {
					return err
				}
				total.Add(1)
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
	r := &Requests{Duration: took, Latencies: NewHistogram(), Total: total.Load()}
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
