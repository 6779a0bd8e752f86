package soak

import (
	"errors"
)

// history is all that is known of a hub: what it said was its last event, what was published to it, and what was seen.
type history struct {
	hub  string
	last eventID
	// publications are in order for each publisher.
	publications []publication
	// seen are subscribers that have stopped. Each has seen successive events already, or it would have failed.
	seen []*subscriber
}

// maxErrors bounds what is said of one hub.
const maxErrors = 5

// check compares what was published with what was seen. It counts in report what was seen without having been
// acknowledged.
func (h history) check(report *Report) error {
	var errs []error
	fail := func(format string, args ...any) {
		if len(errs) < maxErrors {
			errs = append(errs, broken(h.hub+": "+format, args...))
		}
	}
	events := h.agree(fail)
	at := make(map[ref]uint64, len(events))
	for i, event := range events {
		if first, twice := at[event]; twice {
			fail("event %d of publisher %d is there twice, as %d and %d", event.n, event.publisher, first, i+1)
		}
		at[event] = uint64(i + 1)
	}
	previous := map[int]publication{}
	for _, pub := range h.publications {
		seq, appeared := at[pub.ref]
		delete(at, pub.ref)
		id := ""
		if appeared {
			id = eventID{h.last.epoch, seq}.String()
		}
		switch {
		case pub.id == "" && pub.key != "":
			fail("event %d of publisher %d has never been acknowledged", pub.n, pub.publisher)
		case pub.id != "" && id != pub.id:
			fail("event %d of publisher %d was acknowledged as %q, and seen as %q", pub.n, pub.publisher, pub.id, id)
		case pub.id == "" && appeared:
			report.Appeared++
		}
		if before, ok := previous[pub.publisher]; ok && appeared {
			if id, err := parseID(before.id); err == nil && id.seq > seq {
				fail("event %d of publisher %d comes behind %d, which was published later", before.n, pub.publisher, pub.n)
			}
		}
		if pub.id != "" {
			previous[pub.publisher] = pub
		}
	}
	for event, seq := range at {
		fail("event %d of publisher %d is seen as %d, and was not published to this hub", event.n, event.publisher, seq)
	}
	return errors.Join(errs...)
}

// agree returns the events from first to last after making sure that all have seen the same.
func (h history) agree(fail func(string, ...any)) []ref {
	var events []ref
	for _, s := range h.seen {
		if s.after == 0 && len(s.seen) > len(events) {
			events = s.seen
		}
	}
	if uint64(len(events)) != h.last.seq {
		fail("%d events were seen, and the last is %d", len(events), h.last.seq)
	}
	for _, s := range h.seen {
		if s.epoch != h.last.epoch && s.epoch != "" {
			fail("%v has seen the epoch %s, and the last event is of %s", s, s.epoch, h.last.epoch)
		}
		if got, want := s.after+uint64(len(s.seen)), uint64(len(events)); got != want {
			fail("%v has come to event %d of %d", s, got, want)
			continue
		}
		for i, event := range s.seen {
			if other := events[s.after+uint64(i)]; other != event {
				fail("%v has seen %v as event %d, and another %v", s, event, s.after+uint64(i)+1, other)
				break
			}
		}
	}
	return events
}
