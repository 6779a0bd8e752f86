package actor_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/hubbub-edge/hubbub/internal/sse"
)

// published is an event of a hub's log, as it was published.
type published struct {
	name, data string // data has LF between lines
	size       int    // bytes that count for the log
	at         time.Time
}

// hubModel is all that the model knows of a hub.
type hubModel struct {
	addr   actor.Address
	limits actor.LogLimits
	epoch  string
	log    []published    // everything that was ever published; the event of number n is at n-1
	once   map[string]int // the number of the event that last had the key
	open   []*clientModel
	count  int // what the hub's turns have counted in storage
	// asleep: it was evicted, and nothing has woken it. Sessions that are over by then end when something does.
	asleep bool
	// before is how many sessions were open before the operation, and lastBefore the last event then.
	before, lastBefore int
}

func (h *hubModel) last() int { return len(h.log) }

func (h *hubModel) id(n int) string {
	if n == 0 && h.epoch == "" {
		return ""
	}
	return h.epoch + "-" + strconv.Itoa(n)
}

func (h *hubModel) lastID() string {
	if h.last() == 0 {
		return ""
	}
	return h.id(h.last())
}

// kept reports whether the log must have event n, and if not, whether it may: to leave for its bytes, an event may take
// a few publishes.
func (h *hubModel) kept(n int, now time.Time) (must, may bool) {
	if n < 1 || h.last()-n >= h.limits.Count || now.Sub(h.log[n-1].at) > h.limits.Age {
		return false, false
	}
	size := 0
	for _, p := range h.log[n-1:] {
		size += p.size
	}
	return n == h.last() || size <= h.limits.Bytes, true
}

// resumption is what a client that joins must see.
type resumption struct {
	pos      int             // it is sent what follows event pos
	gap      actor.GapReason // or told of this gap
	mayGap   bool            // gap is one of two possibilities
	earliest bool            // pos is not known yet: it is sent all that is kept
}

func (h *hubModel) resume(from string, now time.Time) resumption {
	if from == "" || from == actor.ResumeLatest {
		return resumption{pos: h.last()}
	}
	if from == actor.ResumeEarliest {
		return resumption{earliest: true}
	}
	epoch, number, _ := strings.Cut(from, "-")
	n, err := strconv.Atoi(number)
	switch {
	case err != nil || strconv.Itoa(n) != number || n < 0 || epoch == "":
		return resumption{gap: actor.GapMalformed}
	case epoch != h.epoch:
		return resumption{gap: actor.GapEpoch}
	case n > h.last():
		return resumption{gap: actor.GapUnknown}
	case n == h.last():
		return resumption{pos: n}
	}
	must, may := h.kept(n+1, now)
	switch {
	case must:
		return resumption{pos: n}
	case may:
		return resumption{pos: n, gap: actor.GapExpired, mayGap: true}
	}
	return resumption{gap: actor.GapExpired}
}

// transient is an event that a client must be sent without an id, behind the log's event after.
type transient struct {
	name, data string
	after      int
}

// clientModel is what a client has seen, and what it must see.
type clientModel struct {
	*actortest.Client
	hub    *hubModel
	number int
	joined time.Time
	from   string
	resumption
	stalled   bool
	closing   bool // a turn says goodbye to it
	over      bool // the session has ended
	expected  []transient
	connected bool
	bye       bool
	lastID    string // as a browser would send it
	size      int    // as the last event "connections" said
	read      int    // bytes of the wire
}

// see checks what the client was sent since the last time.
func (c *clientModel) see(now time.Time) error {
	wire := c.Wire()[c.read:]
	c.read += len(wire)
	return c.check(wire, c.Ended(), now)
}

// check checks what the client was sent, and then that nothing is missing.
func (c *clientModel) check(wire string, ended bool, now time.Time) error {
	if wire != "" && c.over {
		return fmt.Errorf("behind the end came %q", wire)
	}
	var again []byte
	d := sse.NewDecoder(strings.NewReader(wire))
	for {
		item, err := d.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return err
		}
		switch item.Kind {
		case sse.KindRetry:
			again = fmt.Appendf(again, "retry: %d\n\n", item.Retry.Milliseconds())
			if item.Retry != actor.DefaultRetry || c.connected {
				return fmt.Errorf("retry: %v", item.Retry)
			}
		case sse.KindEvent:
			if again, err = appendAgain(again, item.Event); err != nil {
				return err
			}
			if err := c.event(item.Event, now); err != nil {
				return fmt.Errorf("event %+.100v: %w", item.Event, err)
			}
		default:
			return fmt.Errorf("unexpected item %+v", item)
		}
	}
	if string(again) != wire {
		return fmt.Errorf("the wire has %q, which are the events %q", wire, again)
	}
	return c.seen(ended, now)
}

// appendAgain appends what e was on the wire.
func appendAgain(wire []byte, e sse.Event) ([]byte, error) {
	again := actor.Event{Name: e.Name, Data: e.Data}
	if again.Name == "message" {
		again.Name = ""
	}
	if e.HasID {
		again.ID = e.LastEventID
	}
	return actor.AppendEvent(wire, again)
}

func (c *clientModel) event(e sse.Event, now time.Time) error {
	if c.bye {
		return errors.New("it is behind the goodbye")
	}
	if (e.Name == "connected") == c.connected {
		return errors.New("the first event, and no other, must be connected")
	}
	if e.HasID {
		return c.logged(e, now)
	}
	switch e.Name {
	case "connected":
		c.connected = true
		if want := fmt.Sprintf(`{"session":%q,"hub":%q}`, c.ID(), c.hub.addr.Name); e.Data != want {
			return fmt.Errorf("want %s", want)
		}
		return nil
	case "connections":
		least, most := min(c.hub.before, len(c.hub.open)), max(c.hub.before, len(c.hub.open))
		if _, err := fmt.Sscanf(e.Data, `{"size":%d}`, &c.size); err != nil || c.size < least || c.size > most {
			return fmt.Errorf("there are %d to %d sessions: %v", least, most, err)
		}
		return nil
	case actor.EventGap:
		return c.gapped(e, now)
	}
	if len(c.expected) > 0 && c.expected[0].name == e.Name && c.expected[0].data == e.Data {
		after := c.expected[0].after
		c.expected = c.expected[1:]
		c.bye = e.Name == actor.EventGoodbye
		return c.reached(after)
	}
	if e.Name == actor.EventGoodbye && e.Data == `{"reason":"age","reconnect":true}` {
		c.bye = true
		if age := now.Sub(c.joined); age < modelMaxAge*9/10 {
			return fmt.Errorf("the session is only %v old", age)
		}
		if c.pos < c.hub.lastBefore && !c.stalled {
			return fmt.Errorf("it came behind event %d", c.pos)
		}
		return nil
	}
	return fmt.Errorf("it is not expected; expected are %+.100v", c.expected)
}

// reached checks that the client is not ahead of event n, nor behind it unless it has not read.
func (c *clientModel) reached(n int) error {
	if c.pos > n || c.pos < n && !c.stalled {
		return fmt.Errorf("it came behind event %d, and not behind %d", c.pos, n)
	}
	return nil
}

// logged checks an event that has an id.
func (c *clientModel) logged(e sse.Event, now time.Time) error {
	n, err := strconv.Atoi(strings.TrimPrefix(e.LastEventID, c.hub.epoch+"-"))
	if err != nil || n < 1 || n > c.hub.last() {
		return errors.New("nothing was published with this id")
	}
	if c.earliest {
		if _, may := c.hub.kept(n, now); !may {
			return errors.New("it should have left the log")
		}
		if must, _ := c.hub.kept(n-1, now); must {
			return fmt.Errorf("the earliest event that is kept is %d", n-1)
		}
		c.earliest, c.pos = false, n-1
	}
	if c.gap != "" && !c.mayGap {
		return fmt.Errorf("there must be a gap, %s", c.gap)
	}
	c.gap = ""
	if n != c.pos+1 {
		return fmt.Errorf("it came behind event %d", c.pos)
	}
	if p := c.hub.log[n-1]; e.Data != p.data || e.Name != p.name {
		return fmt.Errorf("it was published as %+.100v", p)
	}
	c.pos, c.lastID = n, e.LastEventID
	return nil
}

// gapped checks a gap: one from the beginning, or one of a client that did not read until the log lost its place.
func (c *clientModel) gapped(e sse.Event, now time.Time) error {
	reason, from := c.gap, c.from
	if reason == "" {
		must, _ := c.hub.kept(c.pos+1, now)
		if must || c.pos == c.hub.last() || c.earliest {
			return fmt.Errorf("what follows event %d is kept", c.pos)
		}
		reason, from = actor.GapExpired, c.hub.id(c.pos)
	}
	if len(from) > 256 {
		from = from[:256]
	}
	want, err := json.Marshal(actor.Gap{Reason: reason, From: from, To: c.hub.lastID()})
	if err != nil || e.Data != string(want) {
		return fmt.Errorf("want %s", want)
	}
	c.gap, c.pos = "", c.hub.last()
	return nil
}

// seen checks that nothing is missing.
func (c *clientModel) seen(ended bool, now time.Time) error {
	if !c.connected {
		return errors.New("it was sent nothing")
	}
	if c.over = c.over || ended; c.over {
		return nil
	}
	if c.bye {
		return errors.New("its stream did not end with the goodbye")
	}
	if c.earliest {
		if must, _ := c.hub.kept(c.hub.last(), now); must {
			return errors.New("it was sent no event of the log")
		}
		c.earliest, c.pos = false, c.hub.last()
	}
	switch {
	case c.gap != "" && !c.mayGap:
		return fmt.Errorf("it was not told of its gap, %s", c.gap)
	case len(c.expected) > 0:
		return fmt.Errorf("it was not sent %+.100v", c.expected)
	case !c.stalled && c.pos != c.hub.last():
		return fmt.Errorf("it was sent events up to %d only; the last one is %d", c.pos, c.hub.last())
	case !c.hub.asleep && now.Sub(c.joined) >= modelMaxAge*11/10:
		return fmt.Errorf("the session is %v old", now.Sub(c.joined))
	}
	c.gap = "" // what may have been one was none
	return nil
}

// expect adds an event without an id that all open clients of h must be sent.
func (h *hubModel) expect(name, data string) {
	for _, c := range h.open {
		c.expected = append(c.expected, transient{name, data, h.last()})
	}
}

// published adds an event to h's log.
func (h *hubModel) published(p published, once string) {
	h.log = append(h.log, p)
	if once != "" {
		h.once[once] = h.last()
	}
}

// settle takes the sessions that have ended from those that are open.
func (h *hubModel) settle() {
	h.open = slices.DeleteFunc(h.open, func(c *clientModel) bool { return c.Ended() })
}
