package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/loadgen"
	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// durable measures how many events a second the local runner makes durable, beside a commit for each event.
func (b *bench) durable(ctx context.Context, s *Section) (err error) {
	s.Title = "Durable publishes on the local runner"
	s.Note = fmt.Sprintf("Events of %d bytes, by publishers that wait for the answer before they publish again. The runner answers when "+
		"an event is committed (SQLite in WAL mode, synchronous=FULL); turns that wait share a commit. A commit per event: the "+
		"same SQLite with the same PRAGMAs, on the same disk, in a loop of BEGIN, INSERT, COMMIT, without a server or HTTP. "+
		"Medians of rounds in which the rows take turns.", eventSize)
	s.Labels = []string{"what", "hubs", "publishers"}
	s.Metrics = []Metric{
		{"events", "events/s", 0}, {"p50", "p50 ms", 2}, {"p99", "p99 ms", 2}, {"ratio", "× a commit per event", 2},
	}
	committer, err := newCommitter(filepath.Join(b.env.Temp, "commits.db"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, committer.close()) }()
	server, err := peers.LocalRunner.Start(ctx, b.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()

	list := []*durability{{what: "a commit per event", run: committer.run}}
	hubs := map[string]bool{}
	var answered int64
	for _, load := range []struct{ hubs, publishers int }{{1, 1}, {1, 16}, {1, 256}, {10, 256}} {
		var paths []string
		for i := range load.hubs {
			hub := fmt.Sprintf("/hubs/durable-%d-%d", load.hubs, i)
			hubs[hub] = true
			paths = append(paths, hub+"/events")
		}
		list = append(list, &durability{what: "local runner", hubs: fmt.Sprint(load.hubs), publishers: fmt.Sprint(load.publishers),
			run: func(ctx context.Context, warmup, duration time.Duration) (*loadgen.Requests, error) {
				r, err := loadgen.Publish(ctx, server.Addr, paths, load.publishers, eventSize, warmup, duration)
				if err == nil {
					answered += r.Total
				}
				return r, err
			}})
	}
	// A disk that others use is fast at one moment and slow at the next: many short turns even that out.
	for range b.times(6) {
		for _, d := range list {
			if err := d.measure(ctx, b.span(250*time.Millisecond), b.span(time.Second)); err != nil {
				return fmt.Errorf("%s: %w", strings.Join(d.labels(), ", "), err)
			}
		}
	}
	base := median(list[0].events)
	for _, d := range list {
		row := s.row(d.labels()...)
		row.set("events", median(d.events))
		row.set("p50", median(d.p50))
		row.set("p99", median(d.p99))
		row.set("ratio", median(d.events)/base)
	}
	return survived(ctx, server, hubs, answered)
}

// durability is a row of the section, while it is measured.
type durability struct {
	what, hubs, publishers string
	run                    func(ctx context.Context, warmup, duration time.Duration) (*loadgen.Requests, error)
	events, p50, p99       []float64 // of each round
}

func (d *durability) labels() []string {
	labels := []string{d.what, d.hubs, d.publishers}
	for i, l := range labels {
		if l == "" {
			labels[i] = "–"
		}
	}
	return labels
}

func (d *durability) measure(ctx context.Context, warmup, duration time.Duration) error {
	r, err := d.run(ctx, warmup, duration)
	if err != nil {
		return err
	}
	d.events = append(d.events, r.PerSecond())
	d.p50 = append(d.p50, milliseconds(r.Latencies.Percentile(50)))
	d.p99 = append(d.p99, milliseconds(r.Latencies.Percentile(99)))
	return nil
}

// survived kills the runner and starts it again: the hubs must then have as many events as were answered, or the
// figures are not those of durable events.
func survived(ctx context.Context, server *peers.Server, hubs map[string]bool, answered int64) error {
	if err := server.Kill(); err != nil {
		return err
	}
	if err := server.Start(ctx); err != nil {
		return err
	}
	var kept int64
	for hub := range hubs {
		n, err := published(ctx, "http://"+server.Addr+hub)
		if err != nil {
			return err
		}
		kept += n
	}
	if kept != answered {
		return fmt.Errorf("%d events were answered, the runner has %d after it was killed", answered, kept)
	}
	return nil
}

// published is how many events a hub has had: ids count from 1, without holes.
func published(ctx context.Context, url string) (int64, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	defer resp.Body.Close()
	var state struct{ LastEventID string }
	if err := json.NewDecoder(resp.Body).Decode(&state); err != nil {
		return 0, fmt.Errorf("bench: %s: %w", url, err)
	}
	_, seq, ok := strings.Cut(state.LastEventID, "-")
	n, err := strconv.ParseInt(seq, 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("bench: %s: the last event's id is %q", url, state.LastEventID)
	}
	return n, nil
}
