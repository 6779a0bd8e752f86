package actor

import (
	"fmt"
	"iter"
	"math/rand/v2"
	"time"
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

// Sessions returns the hub's sessions, in no particular order.
func (t *Turn) Sessions() iter.Seq[*Session] {
	return func(yield func(*Session) bool) {
		for _, s := range t.hub.sessions {
			if !yield(s) {
				return
			}
		}
	}
}

// NumSessions returns how many sessions the hub has.
func (t *Turn) NumSessions() int { return len(t.hub.sessions) }

// Session returns the session with that id, or nil.
func (t *Turn) Session(id string) *Session { return t.hub.sessions[id] }

// SubscribeOptions are options of [Turn.Subscribe]; the zero value is the default.
type SubscribeOptions struct {
	Header Header // besides those of every event stream
	Meta   []byte // metadata of the session, at most [MaxMeta] bytes
}

// Subscribe answers r with an event stream and opens a session for it. If the hub is a [Joiner] it joins at once, in
// this turn. A HEAD request is answered with the same header and opens nothing. It fails with [ErrMeta], with the
// error of Join, and when the turn has opened a session already.
func (t *Turn) Subscribe(r *Request, opts SubscribeOptions) (*Response, error) {
	res := &Response{Status: 200, Header: Header{
		{"Content-Type", "text/event-stream; charset=utf-8"},
		// no-transform keeps intermediaries from compressing, and so from buffering, the stream.
		{"Cache-Control", "no-store, no-transform"},
		{"X-Accel-Buffering", "no"}, // nginx buffers responses unless it is told
	}}
	res.Header = append(res.Header, opts.Header...)
	if r.Method == "HEAD" {
		return res, nil
	}
	if len(opts.Meta) > MaxMeta {
		return nil, fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrMeta, len(opts.Meta), MaxMeta)
	}
	if t.opened != nil {
		return nil, fmt.Errorf("actor: Subscribe: the turn has already opened session %s", t.opened.id)
	}
	s := &Session{id: newSessionID(t.host.Random), joined: t.now, meta: opts.Meta}
	t.opened, res.session = s, s
	t.hub.sessions[s.id] = s
	if j, ok := t.hub.value.(Joiner); ok {
		if err := j.Join(t, s); err != nil {
			return nil, fmt.Errorf("join: %w", err)
		}
	}
	return res, nil
}

// Publish gives e the hub's next id, stores it in the event log, and sends it to every session. The id is returned;
// e.ID must be empty. It fails with a [FieldError] for a field that cannot be sent.
func (t *Turn) Publish(e Event) (id string, err error) {
	if e.ID != "" {
		return "", &FieldError{"id", "is given by the hub"}
	}
	if err := e.check(); err != nil {
		return "", err
	}
	if err := t.hub.log.append(t.storage, t.now, &e); err != nil {
		return "", err
	}
	return e.ID, t.Broadcast(e)
}

// LastEventID returns the id of the newest published event, or "" when there was none.
func (t *Turn) LastEventID() (string, error) {
	if err := t.hub.log.load(t.storage); err != nil {
		return "", err
	}
	return t.hub.log.lastID(), nil
}

// Broadcast sends e to every session, without storing it. It fails with a [FieldError].
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
	t.effects = append(t.effects, Effect{Kind: EffectSend, Session: session, Data: data})
	return nil
}

// Close ends a session's stream, behind what was sent to it. A hub that is a [Leaver] is told in a later turn, with
// [LeaveClosed]; until then the session is still among [Turn.Sessions].
func (t *Turn) Close(s *Session) {
	t.effects = append(t.effects, Effect{Kind: EffectClose, Session: s.id})
}

// SetTimer runs the hub's [TimerHandler] with name once, after d, rounded up to milliseconds. A timer of that name is
// replaced. Timers keep a hub awake, but are not durable: they are gone when its isolate is lost or a turn fails, and
// [Starter] is the place to set them again.
func (t *Turn) SetTimer(name string, d time.Duration) {
	d = max(0, d+time.Millisecond-1).Truncate(time.Millisecond)
	t.hub.timers[name] = struct{}{}
	t.effects = append(t.effects, Effect{Kind: EffectSetTimer, Timer: name, Delay: d})
}

// TimerSet reports whether a timer of that name is set and not yet due.
func (t *Turn) TimerSet(name string) bool {
	_, ok := t.hub.timers[name]
	return ok
}

// ClearTimer removes the timer named name, if it is set.
func (t *Turn) ClearTimer(name string) {
	delete(t.hub.timers, name)
	t.effects = append(t.effects, Effect{Kind: EffectClearTimer, Timer: name})
}
