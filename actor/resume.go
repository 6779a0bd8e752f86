package actor

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Where a client can ask to resume from, besides the id of an event.
const (
	ResumeEarliest = "earliest" // all that is kept
	ResumeLatest   = "latest"   // nothing: live events only, as without an id
)

// Gap says that a client asked to resume from an id that cannot be honoured: between it and the live events that
// follow, events are missing.
type Gap struct {
	Reason GapReason `json:"reason"`
	From   string    `json:"from"` // the id that the client sent, at most 256 bytes of it
	To     string    `json:"to"`   // the id behind which live events follow; "" when nothing was ever published
}

// GapReason says why.
type GapReason string

const (
	GapExpired   GapReason = "expired"   // the log has not kept what follows the id
	GapEpoch     GapReason = "epoch"     // the id is of another log: the hub's storage was lost, or it is another hub's
	GapUnknown   GapReason = "unknown"   // the id is of this log, but behind its newest event
	GapMalformed GapReason = "malformed" // it is no id
)

// EventGap is the name of the event that tells a client of a [Gap], in JSON. It has no id, so that the client's last
// event id remains what it was.
const EventGap = "gap"

// EventLag is the name of the event by which a host tells a client how many ephemeral events it has skipped:
// {"dropped"}. See [SlowDrop].
const EventLag = "lag"

// GapHandler is a hub that helps a client over a [Gap], with a snapshot, for one. Gap runs behind Join, in the turn that
// opens the session, or in a later one if the events expire while they are replayed; the event "gap" is sent already.
type GapHandler interface {
	Gap(t *Turn, s *Session, gap Gap) error
}

// lastEventID is the id from which r asks to resume. The header is what an EventSource sends when it reconnects, and so
// it is newer than the query of the URL that it was made with.
func lastEventID(r *Request) string {
	if id := r.Header.Get("Last-Event-ID"); id != "" {
		return id
	}
	return r.Query().Get("last_event_id")
}

// position returns the sequence number of the first event that a client has missed, 0 if there is none, or the gap if
// its id cannot be honoured.
func (l *eventLog) position(s Storage, now time.Time, id string) (next uint64, gap *Gap, err error) {
	if id == "" || id == ResumeLatest {
		return 0, nil, nil
	}
	if err := l.load(s); err != nil {
		return 0, nil, err
	}
	if id == ResumeEarliest {
		next, err := l.earliest(s, now)
		return next, nil, err
	}
	refuse := func(reason GapReason) (uint64, *Gap, error) { return 0, &Gap{reason, clip(id), l.lastID()}, nil }
	epoch, number, ok := strings.Cut(id, "-")
	seq, parseErr := strconv.ParseUint(number, 10, 64)
	switch {
	case !ok || parseErr != nil || epoch == "" || strconv.FormatUint(seq, 10) != number:
		return refuse(GapMalformed)
	case epoch != l.epoch:
		return refuse(GapEpoch)
	case seq > l.last:
		return refuse(GapUnknown)
	case seq == l.last:
		return 0, nil, nil
	case seq+1 < l.first:
		return refuse(GapExpired)
	}
	first, err := l.get(s, seq+1)
	if err != nil {
		return 0, nil, err
	}
	if l.expired(first, now) {
		return refuse(GapExpired)
	}
	return seq + 1, nil, nil
}

// earliest returns the sequence number of the first event that is kept, 0 if there is none. Events that are too old may
// still be there.
func (l *eventLog) earliest(s Storage, now time.Time) (first uint64, err error) {
	if l.last == 0 {
		return 0, nil
	}
	err = l.read(s, l.first, 0, func(seq uint64, e logEntry) bool {
		if l.expired(e, now) {
			return true
		}
		first = seq
		return false
	})
	return first, err
}

// clip bounds what is sent back of an id that somebody made up.
func clip(id string) string {
	id = strings.ToValidUTF8(id, "\uFFFD")
	for len(id) > 256 {
		_, size := utf8.DecodeLastRuneInString(id)
		id = id[:len(id)-size]
	}
	return id
}

// A replay is sent in slices, each when the one before has been written, so that neither other sessions nor memory feel
// it.
const (
	sliceEvents = 100
	sliceBytes  = 64 << 10 // of data; one event may be more
)

// replay sends s the next slice of what it missed. When nothing is left, s is live.
func (t *Turn) replay(s *Session) error {
	l := &t.hub.log
	if err := l.load(t.storage); err != nil {
		return err
	}
	if s.next < l.first {
		return t.sendGap(s, Gap{GapExpired, l.id(s.next - 1), l.lastID()})
	}
	if s.next > l.last {
		return t.sendGap(s, Gap{GapEpoch, clip(s.resumed), l.lastID()})
	}
	var wire []byte
	size := 0
	most := min(sliceBytes, t.hub.class.SessionBuffer/16) // on the wire, data may be seven times as long
	var encodeErr error
	err := l.read(t.storage, s.next, sliceEvents, func(seq uint64, e logEntry) bool {
		if size > 0 && size+int(e.size()) > most {
			return false
		}
		size += int(e.size())
		s.next = seq + 1
		wire, encodeErr = AppendEvent(wire, Event{ID: l.id(seq), Name: e.name, Data: e.data})
		return encodeErr == nil
	})
	if err == nil {
		err = encodeErr
	}
	if err != nil {
		return err
	}
	if len(wire) > 0 {
		t.effects = append(t.effects, Effect{Kind: EffectSend, Session: s.id, Data: wire})
	}
	if s.next > l.last {
		s.next = 0
	} else {
		t.effects = append(t.effects, Effect{Kind: EffectContinue, Session: s.id})
	}
	t.saved(s)
	return nil
}

// sendGap tells s and the hub of a gap. s is live then.
func (t *Turn) sendGap(s *Session, gap Gap) error {
	s.next = 0
	t.saved(s)
	data, err := json.Marshal(gap)
	if err != nil {
		return err
	}
	if err := t.Send(s, Event{Name: EventGap, Data: string(data)}); err != nil {
		return err
	}
	if h, ok := t.hub.value.(GapHandler); ok {
		return h.Gap(t, s, gap)
	}
	return nil
}

// saved notes, and has the host keep, what has changed of s. The state of a session that this turn opens is taken at its end.
func (t *Turn) saved(s *Session) {
	t.hub.note(s)
	if s != t.opened {
		t.effects = append(t.effects, Effect{Kind: EffectSave, Session: s.id, Data: s.encode().State})
	}
}
