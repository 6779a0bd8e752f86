package soak

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// consistent is a hub with four events: two of publisher 0 and two of publisher 1, of which one was never acknowledged.
// Another of publisher 1 was not acknowledged and does not appear.
func consistent() history {
	events := []ref{{0, 0}, {1, 0}, {0, 1}, {1, 2}}
	return history{
		hub: "h", last: eventID{"e", 4},
		publications: []publication{
			{ref: ref{0, 0}, id: "e-1"}, {ref: ref{0, 1}, key: "k", id: "e-3"},
			{ref: ref{1, 0}, id: "e-2"}, {ref: ref{1, 1}}, {ref: ref{1, 2}},
		},
		seen: []*subscriber{
			{name: "a", hub: "h", epoch: "e", seen: events},
			{name: "b", hub: "h", epoch: "e", after: 2, seen: events[2:]},
			{name: "c", hub: "h", epoch: "e", after: 4},
		},
	}
}

func TestHistoryThatIsConsistent(t *testing.T) {
	var report Report
	require.NoError(t, consistent().check(&report))
	assert.Equal(t, 1, report.Appeared)
	require.NoError(t, history{hub: "h", seen: []*subscriber{{}}}.check(&report), "nothing was published")
}

func TestHistoryFinds(t *testing.T) {
	replace := func(events []ref, i int, with ref) []ref {
		events = append([]ref(nil), events...)
		events[i] = with
		return events
	}
	for name, c := range map[string]struct {
		change func(*history)
		says   string
	}{
		"an acknowledged event that nobody saw": {
			func(h *history) { h.publications[3].id = "e-9" }, `event 1 of publisher 1 was acknowledged as "e-9", and seen as ""`},
		"an event under another id": {
			func(h *history) { h.publications[0].id = "e-2" }, `event 0 of publisher 0 was acknowledged as "e-2", and seen as "e-1"`},
		"an event of another epoch": {
			func(h *history) { h.last.epoch = "f" }, "a of h has seen the epoch e, and the last event is of f"},
		"an event that is there twice": {
			func(h *history) {
				h.seen = h.seen[:1]
				h.seen[0].seen = replace(h.seen[0].seen, 3, ref{1, 0})
			}, "event 0 of publisher 1 is there twice, as 2 and 4"},
		"subscribers that differ": {
			func(h *history) { h.seen[1].seen = replace(h.seen[1].seen, 1, ref{1, 1}) }, "b of h has seen {1 1} as event 4, and another {1 2}"},
		"a subscriber that is behind": {
			func(h *history) { h.seen[1].seen = h.seen[1].seen[:1] }, "b of h has come to event 3 of 4"},
		"a last event that is not the last": {
			func(h *history) { h.last.seq = 3 }, "4 events were seen, and the last is 3"},
		"an event of another hub": {
			func(h *history) { h.publications = h.publications[:4] }, "event 2 of publisher 1 is seen as 4, and was not published to this hub"},
		"a keyed event without an answer": {
			func(h *history) { h.publications[1].id = "" }, "event 1 of publisher 0 has never been acknowledged"},
		"an order that is not the publisher's": {
			func(h *history) {
				h.publications[0], h.publications[1] = h.publications[1], h.publications[0]
			}, "comes behind"},
	} {
		t.Run(name, func(t *testing.T) {
			h := consistent()
			c.change(&h)
			err := h.check(&Report{})
			require.ErrorIs(t, err, ErrBroken)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestHistorySaysOnlySoMuch(t *testing.T) {
	h := consistent()
	h.publications = nil
	for n := range 100 {
		h.publications = append(h.publications, publication{ref: ref{2, n}, id: "e-1"})
	}
	err := h.check(&Report{})
	assert.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), maxErrors)
}
