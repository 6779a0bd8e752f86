package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// memory measures what idle connections take.
func (b *bench) memory(ctx context.Context, s *Section) error {
	first, more := 1000, 4000
	if b.short {
		first, more = 500, 1000
	}
	s.Title = "Memory of idle connections"
	s.Note = fmt.Sprintf("Resident memory of the host with %d idle SSE clients of one hub, and what each of %d more adds: the first ones "+
		"are put into memory that the host's start has left free, and would look too small.", first, more)
	s.Labels = []string{"host"}
	s.Metrics = []Metric{{"none", "no client, MB", 1}, {"first", fmt.Sprintf("%d clients, MB", first), 1},
		{"all", fmt.Sprintf("%d clients, MB", first+more), 1}, {"each", "per connection, KB", 1}}
	for _, peer := range []peers.HubPeer{peers.LocalRunner, peers.Workerd} {
		if err := b.memoryOf(ctx, s.row(peer.Name()), peer, first, more); err != nil {
			s.problem("%s: %v", peer.Name(), err)
		}
	}
	return nil
}

func (b *bench) memoryOf(ctx context.Context, row *Row, peer peers.HubPeer, first, more int) (err error) {
	server, err := peer.Start(ctx, b.env)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	rss, err := peers.RSS(server.PID)
	if err != nil {
		return err
	}
	row.set("none", float64(rss)/mega)
	var readings []int64
	for _, clients := range []int{first, more} {
		audience, connectErr := connect(ctx, server, peer.Hub(), clients)
		if connectErr != nil {
			return connectErr
		}
		defer func() { err = errors.Join(err, audience.Close()) }()
		if rss, err = peers.RSS(server.PID); err != nil {
			return err
		}
		readings = append(readings, rss)
	}
	row.set("first", float64(readings[0])/mega)
	row.set("all", float64(readings[1])/mega)
	row.set("each", float64(readings[1]-readings[0])/float64(more)/1000)
	return nil
}
