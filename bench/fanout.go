package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/loadgen"
	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

const (
	eventSize   = 100 // bytes
	publishers  = 64  // of the open loop, at most
	joinTimeout = time.Minute
)

// fanout measures events from publish to receive, on both hosts.
func (b *bench) fanout(ctx context.Context, s *Section) error {
	s.Title = "Fan-out: publish to receive"
	s.Note = fmt.Sprintf("Events of %d bytes, to SSE clients of one hub. In the closed loop so many events are on their way at any "+
		"time, each one until it has arrived everywhere; in the open loop they are published at a rate, and latencies "+
		"count from when an event was due. Every publish is durable before it is answered. Faults are deliveries missing, doubled, "+
		"out of order or changed, and streams that ended.", eventSize)
	s.Labels = []string{"host", "clients", "load"}
	s.Metrics = []Metric{
		{"deliveries", "deliveries/s", 0}, {"p50", "p50 ms", 2}, {"p99", "p99 ms", 2}, {"max", "max ms", 1},
		{"cpu", "server CPU s per million", 1}, {"client", "client CPU s per million", 1},
		{"faults", "faults", 0},
	}
	for _, clients := range b.clients {
		for _, peer := range []peers.HubPeer{peers.LocalRunner, peers.Workerd} {
			if !b.group.MatchString(fmt.Sprintf("%s/%d", peer.Name(), clients)) {
				continue
			}
			if err := b.fanoutOn(ctx, s, peer, clients); err != nil {
				s.problem("%s, %d clients: %v", peer.Name(), clients, err)
			}
		}
	}
	return nil
}

// fanoutOn measures all loads on one start of a peer.
func (b *bench) fanoutOn(ctx context.Context, s *Section, peer peers.HubPeer, clients int) (err error) {
	server, err := peer.Start(ctx, b.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	hub := peer.Hub()
	audience, err := connect(ctx, server, hub, clients)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, audience.Close()) }()
	crowd, err := loadgen.NewCrowd(audience, server.Addr, hub.Publish, publishers, eventSize)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, crowd.Close()) }()
	for _, load := range b.loads(clients) {
		row := s.row(peer.Name(), fmt.Sprint(clients), load.String())
		if err := measure(ctx, s, row, server, crowd, load); err != nil {
			return fmt.Errorf("%s: %w", load, err)
		}
	}
	return nil
}

func (b *bench) loads(clients int) []loadgen.Load {
	load := loadgen.Load{Warmup: b.span(time.Second), Duration: b.span(4 * time.Second)}
	one, many, open := load, load, load
	one.Outstanding = 1
	many.Outstanding = 16
	open.Rate = b.rate / float64(clients)
	return []loadgen.Load{open, one, many}
}

func connect(ctx context.Context, server *peers.Server, hub peers.Hub, clients int) (*loadgen.Audience, error) {
	ctx, cancel := context.WithTimeout(ctx, joinTimeout)
	defer cancel()
	return loadgen.Connect(ctx, server.Addr, hub.Subscribe, hub.Connected, clients)
}

// measure fills a row.
func measure(ctx context.Context, s *Section, row *Row, server *peers.Server, crowd *loadgen.Crowd, load loadgen.Load) error {
	theirs, ours := &meter{pid: server.PID}, &meter{pid: os.Getpid()}
	r, err := loadgen.Run(ctx, crowd, load, func() { theirs.read(); ours.read() })
	if err != nil {
		return err
	}
	row.set("deliveries", r.PerSecond())
	row.set("p50", milliseconds(r.Latencies.Percentile(50)))
	row.set("p99", milliseconds(r.Latencies.Percentile(99)))
	row.set("max", milliseconds(r.Latencies.Percentile(100)))
	for key, m := range map[string]*meter{"cpu": theirs, "client": ours} {
		if cpu, ok := m.cpu(); ok {
			row.set(key, cpu/float64(r.Deliveries)*1e6)
		}
	}
	row.set("faults", float64(r.Faults.Total()))
	if r.Faults.Total() > 0 {
		s.problem("%v: %+v", row.Labels, r.Faults)
	}
	return nil
}
