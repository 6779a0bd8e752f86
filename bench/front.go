package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/loadgen"
	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

const frontConns = 32

// front measures what an answer costs that needs no hub, on workerd.
func (b *bench) front(ctx context.Context, s *Section) (err error) {
	s.Title = "Front: GET /healthz on workerd"
	s.Note = fmt.Sprintf("%d connections that are kept alive, one request at a time on each. Medians of rounds in which the rows take turns.", frontConns)
	s.Labels = []string{"Worker"}
	s.Metrics = []Metric{
		{"requests", "requests/s", 0}, {"p50", "p50 ms", 2}, {"p99", "p99 ms", 2},
		{"cpu", "server CPU ms per request", 3}, {"stock", "× stock shim", 1}, {"javascript", "× pure JavaScript", 2},
	}
	type contender struct {
		name     string
		server   *peers.Server
		readings map[string][]float64
	}
	var list []*contender
	for _, c := range []struct {
		name string
		peer peers.Peer
	}{{"Hubbub app", peers.Workerd}, {peers.JavaScript.Name(), peers.JavaScript}, {peers.Stock.Name(), peers.Stock}} {
		server, startErr := c.peer.Start(ctx, b.env)
		if startErr != nil {
			return fmt.Errorf("%s: %w", c.name, startErr)
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		list = append(list, &contender{c.name, server, map[string][]float64{}})
	}
	for range b.times(3) {
		for _, c := range list {
			m := &meter{pid: c.server.PID}
			r, err := loadgen.Hammer(ctx, c.server.Addr, "/healthz", "ok", frontConns, b.span(time.Second), b.span(3*time.Second), m.read)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			add := func(key string, value float64) { c.readings[key] = append(c.readings[key], value) }
			add("requests", r.PerSecond())
			add("p50", milliseconds(r.Latencies.Percentile(50)))
			add("p99", milliseconds(r.Latencies.Percentile(99)))
			if cpu, ok := m.cpu(); ok {
				add("cpu", cpu/float64(r.Count)*1000)
			}
		}
	}
	for _, c := range list {
		row := s.row(c.name)
		for key, values := range c.readings {
			row.set(key, median(values))
		}
	}
	ours, javascript, stock := s.Rows[0].Values, s.Rows[1].Values, s.Rows[2].Values
	for _, row := range s.Rows {
		row.set("stock", row.Values["requests"]/stock["requests"])
		row.set("javascript", row.Values["requests"]/javascript["requests"])
	}
	s.goal(Goal{What: "requests/s", Value: ours["stock"], Bound: 20, Unit: "× the stock shim's", AtLeast: true})
	return nil
}
