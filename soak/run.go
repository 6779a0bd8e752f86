package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// ErrBroken is in the chain of every error that says that the host broke the contract.
var ErrBroken = errors.New("soak: broken")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBroken}, args...)...)
}

// Host is what is killed. Its hubs' storage and its address outlive it.
type Host interface {
	// URL is the base URL.
	URL() string
	// Kill ends the host at once, as SIGKILL does.
	Kill()
	// Restart starts the host, and returns when it listens.
	Restart()
	// Output is what the host has written since its last start.
	Output() string
}

// Options of a run. The zero value is eight kills under the load that the project is held to.
type Options struct {
	// Seed of all that is random: 0 is a seed like any other.
	Seed uint64
	// Kills under load. Default 8.
	Kills int
	// Hubs, default 10; Publishers, default 20, each of which publishes to all hubs; Subscribers, default 50, which
	// are spread over the hubs.
	Hubs, Publishers, Subscribers int
	// Silence is how long a stream may be without any byte. It must be a multiple of the host's heartbeat. Default 30s.
	Silence time.Duration
	// Patience is how long anything else may take: the answer to a publisher, a subscriber's way to the last event.
	// Default 2m.
	Patience time.Duration
}

func (o Options) withDefaults() Options {
	for _, d := range []struct {
		field *int
		value int
	}{{&o.Kills, 8}, {&o.Hubs, 10}, {&o.Publishers, 20}, {&o.Subscribers, 50}} {
		if *d.field == 0 {
			*d.field = d.value
		}
	}
	if o.Silence == 0 {
		o.Silence = 30 * time.Second
	}
	if o.Patience == 0 {
		o.Patience = 2 * time.Minute
	}
	return o
}

// The load stays bounded by what publishers wait between two bursts: some 500 events a second for 20 of them.
const (
	maxBurst = 8
	maxPause = 300 * time.Millisecond
)

// Moments of a kill after the host listens. One of four comes early, while subscribers resume and hubs wake.
const (
	earlyKill = 80 * time.Millisecond
	lateKill  = 1200 * time.Millisecond
	// rushTime is how long publishers do not pause before each.
	rushTime = 40 * time.Millisecond
)

// keptOutputs is how many lives' output a report keeps: what went wrong shows only in a later life.
const keptOutputs = 4

// Run loads host, kills it, and checks what came of it. The host must be new: no hub has had an event. Run must be called
// on the test's goroutine, since a testhost.Host that does not start ends it.
//
// The report is filled as far as the run came. An error that is [ErrBroken] is the host's fault.
func Run(ctx context.Context, host Host, opts Options) (*Report, error) {
	opts = opts.withDefaults()
	report := &Report{Seed: opts.Seed}
	ctx, cancel := context.WithCancel(ctx)
	group, ctx := errgroup.WithContext(ctx)
	defer group.Wait() //nolint:errcheck // The errors that count are returned below; this is for an early end.
	defer cancel()

	load := newLoad(host.URL(), opts, &report.counts)
	for _, s := range load.subscribers {
		group.Go(func() error { return s.run(ctx) })
	}
	stop := make(chan struct{})
	var publishers sync.WaitGroup
	for _, p := range load.publishers {
		publishers.Add(1)
		group.Go(func() error {
			defer publishers.Done()
			return p.run(ctx, stop)
		})
	}
	killAll(ctx, host, opts, load.rush, report)
	close(stop)
	publishers.Wait()
	err := ctx.Err()
	var histories []history
	if err == nil {
		histories, err = load.settle(ctx, host, report)
	}
	cancel()
	if failed := group.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
		err = failed // The first of all, and the cause of the others.
	}
	for _, h := range histories { // No subscriber runs any more.
		report.Events += h.last.seq
		err = errors.Join(err, h.check(report))
	}
	return report, err
}

func killAll(ctx context.Context, host Host, opts Options, rush *rush, report *Report) {
	rnd := rand.New(rand.NewPCG(opts.Seed, 0))
	for range opts.Kills {
		moment := time.Duration(rnd.Int64N(int64(lateKill)))
		if rnd.IntN(4) == 0 {
			moment = time.Duration(rnd.Int64N(int64(earlyKill)))
		}
		if pause(ctx, moment) != nil {
			return
		}
		rush.begin()
		if pause(ctx, rushTime) != nil {
			return
		}
		report.restart(host)
		rush.end()
		report.Kills++
	}
	_ = pause(ctx, lateKill/2) // Some load after the last kill; when ctx has ended, that is noticed by the caller.
}

// load is all clients of a run.
type load struct {
	opts        Options
	url         string
	hubs        []string
	rush        *rush
	publishers  []*publisher
	subscribers []*subscriber
	counts      *counts
}

func newLoad(url string, opts Options, counts *counts) *load {
	l := &load{opts: opts, url: url, rush: newRush(), counts: counts}
	for i := range opts.Hubs {
		l.hubs = append(l.hubs, fmt.Sprintf("soak-%d", i))
	}
	for i := range opts.Publishers {
		l.publishers = append(l.publishers, newPublisher(url, i, l.hubs, opts, l.rush, counts))
	}
	for i := range opts.Subscribers {
		l.subscribers = append(l.subscribers, l.subscriber(i, fmt.Sprintf("subscriber %d", i)))
	}
	return l
}

func (l *load) subscriber(i int, name string) *subscriber {
	return newSubscriber(l.url, l.hubs[i%len(l.hubs)], name, l.opts.Silence, l.counts)
}

// settle lets every subscriber come to the end, starts the host once more, and reads all hubs from their storage alone. It
// returns what there is to compare, also with an error.
func (l *load) settle(ctx context.Context, host Host, report *Report) (histories []history, err error) {
	for i, hub := range l.hubs {
		h := history{hub: hub, publications: publicationsTo(hub, l.publishers)}
		last, err := lastEventID(ctx, l.url, hub, l.opts.Patience)
		if err != nil {
			return nil, err
		}
		h.last = last
		for j := i; j < len(l.subscribers); j += len(l.hubs) {
			h.seen = append(h.seen, l.subscribers[j])
		}
		histories = append(histories, h)
	}
	if err := l.reachAll(ctx, histories); err != nil {
		return histories, err
	}
	report.restart(host)
	rnd := rand.New(rand.NewPCG(l.opts.Seed, ^uint64(0)))
	auditors, ctx := errgroup.WithContext(ctx)
	ctx, cancel := context.WithCancel(ctx)
	for i := range histories {
		h := &histories[i]
		if h.last.seq == 0 {
			continue // Nothing was published to it, and there is no id to resume from.
		}
		all := l.subscriber(i, "reader of all")
		rest := l.subscriber(i, "reader of the rest")
		rest.startAfter(h.last.epoch, rnd.Uint64N(h.last.seq+1))
		for _, a := range []*subscriber{all, rest} {
			h.seen = append(h.seen, a)
			auditors.Go(func() error { return a.run(ctx) })
		}
	}
	err = l.reachAll(ctx, histories)
	cancel()
	if failed := auditors.Wait(); failed != nil && !errors.Is(failed, context.Canceled) {
		err = failed
	}
	return histories, err
}

// reachAll waits until all that are in histories have seen the last event.
func (l *load) reachAll(ctx context.Context, histories []history) error {
	ctx, cancel := context.WithTimeout(ctx, l.opts.Patience)
	defer cancel()
	for _, h := range histories {
		for _, s := range h.seen {
			if err := s.reach(ctx, h.last.seq); err != nil {
				return err
			}
		}
	}
	return nil
}

// counts are what clients count while they run.
type counts struct {
	acknowledged, lost, retries, repeats      atomic.Int64
	streams, resumed, aged, ended, deliveries atomic.Int64
}

// Report is what a run did.
type Report struct {
	Seed  uint64
	Kills int
	// Events that the hubs have in the end; Appeared of them were never acknowledged.
	Events   uint64
	Appeared int
	// Outputs of the host's last lives, without the one that is running.
	Outputs []string

	counts counts
}

// Acknowledged is the number of events that were answered with an id.
func (r *Report) Acknowledged() int64 { return r.counts.acknowledged.Load() }

// Lost is the number of attempts to publish that were on their way when the host was killed, so that no answer came.
func (r *Report) Lost() int64 { return r.counts.lost.Load() }

// Resumed is the number of streams that went on behind an event.
func (r *Report) Resumed() int64 { return r.counts.resumed.Load() }

func (r *Report) restart(host Host) {
	host.Kill()
	if len(r.Outputs) == keptOutputs {
		r.Outputs = r.Outputs[1:]
	}
	r.Outputs = append(r.Outputs, host.Output())
	host.Restart()
}

// String is a sentence for a log.
func (r *Report) String() string {
	c := &r.counts
	return fmt.Sprintf("seed %d: %d kills; %d events, %d acknowledged, %d answers lost, %d of the events never "+
		"acknowledged, %d retries, %d repeats; %d streams, %d of them resumed, %d ended by age, %d ended without a word; "+
		"%d deliveries", r.Seed, r.Kills, r.Events, c.acknowledged.Load(), c.lost.Load(), r.Appeared, c.retries.Load(),
		c.repeats.Load(), c.streams.Load(), c.resumed.Load(), c.aged.Load(), c.ended.Load(), c.deliveries.Load())
}
