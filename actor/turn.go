package actor

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Turn is what hub code may do during one turn. It must not be kept, or used after the method it was given to has
// returned.
type Turn struct {
	hub     *hubState
	host    Host
	storage watched
	failed  error // what storage failed with first
	now     time.Time
	effects []Effect
	opened  *Session
	rand    *rand.Rand
}

// Hub returns the hub's address.
func (t *Turn) Hub() Address { return t.hub.addr }

// Now returns when the turn began, of millisecond precision. It stands still during a turn.
func (t *Turn) Now() time.Time { return t.now }

// Rand returns a cryptographically strong source of randomness, seeded by the host.
func (t *Turn) Rand() *rand.Rand {
	if t.rand == nil {
		var seed [32]byte
		t.host.Random(seed[:])
		t.rand = rand.New(rand.NewChaCha8(seed))
	}
	return t.rand
}

// Storage returns the hub's durable state. Keys that begin with "hubbub/" are the engine's own.
func (t *Turn) Storage() Storage { return checkedStorage{t.storage} }

// Sessions returns the hub's sessions in the order of their ids, without those that hub code has closed.
func (t *Turn) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for _, id := range slices.Sorted(maps.Keys(t.hub.sessions)) {
			if s := t.hub.sessions[id]; s != nil && !s.closing && !yield(s) {
				return
			}
		}
	}
}

// NumSessions returns how many sessions the hub has.
func (t *Turn) NumSessions() int { return len(t.hub.sessions) }

// Session returns the session with that id, or nil, also when hub code has closed it.
func (t *Turn) Session(id string) *Session {
	if s := t.hub.sessions[id]; s != nil && !s.closing {
		return s
	}
	return nil
}

// SubscribeOptions are options of [Turn.Subscribe]; the zero value is the default.
type SubscribeOptions struct {
	Header Header // besides those of every event stream
	Meta   []byte // metadata of the session, at most [MaxMeta] bytes; nil: what the front gave, [Request.Meta]
}

// Subscribe answers r with an event stream and opens a session for it. If the hub is a [Joiner] it joins at once, in
// this turn. Behind that the client is sent what it missed since the event id that it asks to resume from, or told of
// the [Gap], and then live events: none twice, none missing, in order. A HEAD request is answered with the same header
// and opens nothing; with [Class.MaxSessions] sessions the answer is a 503. It fails with [ErrMeta], with the error of
// Join, and when the turn has opened a session already.
func (t *Turn) Subscribe(r *Request, opts SubscribeOptions) (*Response, error) {
	res := &Response{Status: http.StatusOK, Header: Header{
		{"Content-Type", "text/event-stream; charset=utf-8"},
		// no-transform keeps intermediaries from compressing, and so from buffering, the stream.
		{"Cache-Control", "no-store, no-transform"},
		{"X-Accel-Buffering", "no"}, // nginx buffers responses unless it is told
	}}
	res.Header = append(res.Header, opts.Header...)
	if r.Method == http.MethodHead {
		return res, nil
	}
	class := &t.hub.class
	if len(t.hub.sessions) >= class.MaxSessions {
		return busy(http.StatusServiceUnavailable, time.Second*5,
			fmt.Sprintf("the hub has %d sessions, which is as many as it may have", class.MaxSessions)), nil
	}
	if opts.Meta == nil {
		opts.Meta = r.Meta
	}
	if len(opts.Meta) > MaxMeta {
		return nil, fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrMeta, len(opts.Meta), MaxMeta)
	}
	if t.opened != nil {
		return nil, fmt.Errorf("actor: Subscribe: the turn has already opened session %s", t.opened.id)
	}
	from := lastEventID(r)
	next, gap, err := t.hub.log.position(t.storage, t.now, from)
	if err != nil {
		return nil, err
	}
	s := &Session{
		id: newSessionID(t.host.Random), kind: KindSSE, joined: t.now, resumed: clip(from), meta: opts.Meta, next: next,
	}
	t.opened, res.session = s, s
	t.hub.sessions[s.id] = s
	t.hub.note(s)
	t.expire(s)
	t.sendRetry(s)
	if err := t.join(s, gap); err != nil {
		return nil, err
	}
	return res, nil
}

// join greets s, and then sends it what it missed.
func (t *Turn) join(s *Session, gap *Gap) error {
	if j, ok := t.hub.value.(Joiner); ok {
		if err := j.Join(t, s); err != nil {
			return fmt.Errorf("join: %w", err)
		}
	}
	switch {
	case gap != nil:
		return t.sendGap(s, *gap)
	case s.next != 0:
		return t.replay(s)
	}
	return nil
}

// sendRetry tells s how long to wait before it reconnects.
func (t *Turn) sendRetry(s *Session) {
	wire := append(strconv.AppendInt([]byte("retry: "), t.hub.class.Retry.Milliseconds(), 10), "\n\n"...)
	t.effects = append(t.effects, Effect{Kind: EffectSend, Session: s.id, Data: wire})
}

// Publish gives e the hub's next id, stores it in the event log, and sends it to every session. The id is returned;
// e.ID must be empty. It fails with a [FieldError] for a field that cannot be sent.
func (t *Turn) Publish(e Event) (id string, err error) { return t.publish(e, "") }

// MaxOnce is the longest key of [Turn.PublishOnce], in bytes.
const MaxOnce = 256

// ErrOnce: the key of [Turn.PublishOnce] is empty, longer than [MaxOnce], or not UTF-8.
var ErrOnce = errors.New("actor: invalid idempotency key")

// PublishOnce is [Turn.Publish], unless an event that is still in the log was published with the same key: then it
// returns that event's id and true, and sends nothing. It also fails with [ErrOnce].
func (t *Turn) PublishOnce(key string, e Event) (id string, repeated bool, err error) {
	if key == "" || len(key) > MaxOnce || !utf8.ValidString(key) {
		return "", false, fmt.Errorf("%w: it must be 1 to %d bytes of UTF-8", ErrOnce, MaxOnce)
	}
	if id, err = t.hub.log.find(t.storage, t.now, key); err != nil || id != "" {
		return id, id != "", err
	}
	id, err = t.publish(e, key)
	return id, false, err
}

func (t *Turn) publish(e Event, once string) (string, error) {
	if e.ID != "" {
		return "", &FieldError{"id", "is given by the hub"}
	}
	if err := e.check(); err != nil {
		return "", err
	}
	if err := t.hub.log.append(t.storage, t.now, t.host.Random, &e, once); err != nil {
		return "", err
	}
	if len(t.hub.sessions) == 0 {
		return e.ID, nil
	}
	data, err := AppendEvent(nil, e)
	t.effects = append(t.effects, Effect{Kind: EffectSend, Data: data, Key: e.Key, Except: t.behind()})
	return e.ID, err
}

// behind returns the sessions that will find a new event in the log, when their replay gets there.
func (t *Turn) behind() []string { return slices.Sorted(maps.Keys(t.hub.behind)) }

// LastEventID returns the id of the newest published event, or "" when there was none.
func (t *Turn) LastEventID() (string, error) {
	if err := t.hub.log.load(t.storage); err != nil {
		return "", err
	}
	return t.hub.log.lastID(), nil
}

// Broadcast sends e to every session, without storing it: who is not there, or too slow for [SlowDrop], misses it. It
// fails with a [FieldError].
func (t *Turn) Broadcast(e Event) error {
	if len(t.hub.sessions) == 0 {
		return e.check()
	}
	return t.send("", e)
}

// Send sends e to one session, without storing it. To a session that is gone nothing is sent. It fails with a
// [FieldError].
func (t *Turn) Send(s *Session, e Event) error {
	if t.hub.sessions[s.id] == nil {
		return e.check()
	}
	return t.send(s.id, e)
}

func (t *Turn) send(session string, e Event) error {
	data, err := AppendEvent(nil, e)
	if err != nil {
		return err
	}
	t.effects = append(t.effects, Effect{
		Kind: EffectSend, Session: session, Data: data, Key: e.Key, Ephemeral: session == "",
	})
	return nil
}

// Close ends a session's stream, behind what was sent to it. A hub that is a [Leaver] is told in a later turn, with
// [LeaveClosed].
func (t *Turn) Close(s *Session) {
	s.closing = true
	t.effects = append(t.effects, Effect{Kind: EffectClose, Session: s.id})
}

// EventGoodbye is the name of the event that [Turn.Goodbye] sends: {"reason","reconnect"}.
const EventGoodbye = "goodbye"

// Goodbye tells a session why it ends, and whether its client should come back, and ends it. It fails with a
// [FieldError] when reason is not UTF-8.
func (t *Turn) Goodbye(s *Session, reason string, reconnect bool) error {
	data, err := json.Marshal(struct {
		Reason    string `json:"reason"`
		Reconnect bool   `json:"reconnect"`
	}{reason, reconnect})
	if err != nil {
		return err
	}
	if err := t.Send(s, Event{Name: EventGoodbye, Data: string(data)}); err != nil {
		return err
	}
	t.Close(s)
	return nil
}

// SetTimer runs the hub's [TimerHandler] with name once, after d, rounded up to milliseconds. A timer of that name is
// replaced. Timers keep a hub awake, but are not durable: they are gone when its isolate is lost or a turn fails, and
// [Starter] is the place to set them again. An empty name, and
// one that begins with "hubbub/", which are the engine's own, are a mistake: it panics.
func (t *Turn) SetTimer(name string, d time.Duration) {
	checkTimer(name)
	t.setTimer(name, d)
}

func (t *Turn) setTimer(name string, d time.Duration) {
	d = max(0, d+time.Millisecond-1).Truncate(time.Millisecond)
	t.hub.timers[name] = struct{}{}
	t.effects = append(t.effects, Effect{Kind: EffectSetTimer, Timer: name, Delay: d})
}

// checkTimer panics for a name that is no name or the engine's own, as it is a mistake in the program.
func checkTimer(name string) {
	if name == "" || strings.HasPrefix(name, reserved) {
		panic("actor: a timer's name must not be empty or begin with " + reserved)
	}
}

// TimerSet reports whether a timer of that name is set and not yet due.
func (t *Turn) TimerSet(name string) bool {
	_, ok := t.hub.timers[name]
	return ok
}

// ClearTimer removes the timer named name, if it is set.
func (t *Turn) ClearTimer(name string) {
	checkTimer(name)
	delete(t.hub.timers, name)
	t.effects = append(t.effects, Effect{Kind: EffectClearTimer, Timer: name})
}
