package actor

import (
	"container/list"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Host is what the engine needs of its host during a turn: the storage of the turn's hub, and randomness.
type Host interface {
	Storage
	// Random fills p with cryptographically strong random bytes.
	Random(p []byte)
}

// Engine runs the turns of all hubs of one isolate. It is not safe for concurrent use: a turn runs when the one
// before has returned.
type Engine struct {
	classes map[string]Class
	header  Header
	host    Host
	hubs    map[Address]*hubState
	idle    *list.List // of *hubState that may be dropped, the longest idle first
}

// hubState is a hub that is awake.
type hubState struct {
	addr     Address
	class    Class
	value    Hub
	sessions map[string]*Session
	behind   map[string]struct{} // those of them that are not live
	timers   map[string]struct{}
	log      eventLog
	nextAge  time.Time // when the age timer is due
	lastTurn time.Time
	idle     *list.Element // nil while sessions or timers keep the hub awake
}

// NewEngine returns the engine of p's hubs. It fails when p is not well-formed.
func NewEngine(p Program, host Host) (*Engine, error) {
	classes, err := p.classes()
	if err != nil {
		return nil, err
	}
	e := &Engine{
		classes: make(map[string]Class),
		header:  p.Header,
		host:    host,
		hubs:    make(map[Address]*hubState),
		idle:    list.New(),
	}
	for _, c := range classes {
		e.classes[c.Name] = c
	}
	return e, nil
}

// IdleTimeout is how long a hub without sessions and timers stays awake. A hub that slept is made anew, from
// storage, by its next input.
const IdleTimeout = 10 * time.Second

// Turn runs one turn. It never panics and never returns an error: what goes wrong is in the output.
func (e *Engine) Turn(in *Input) Output {
	out := e.turn(in)
	if out.Response != nil {
		out.Response.Header.fill(e.header)
	}
	return out
}

func (e *Engine) turn(in *Input) (out Output) {
	e.dropIdle(in.Now)
	h := e.hubs[in.Hub]
	switch {
	case in.Kind == InputWake || in.Kind == InputForget:
		if h != nil {
			e.drop(h) // with InputWake, a value from before the host lost the hub
		}
		if in.Kind == InputForget {
			return Output{}
		}
	case h == nil:
		return Output{NeedWake: true}
	}
	t := &Turn{host: e.host, hub: h, now: in.Now}
	t.storage = watched{e.host, &t.failed}
	defer func() {
		if r := recover(); r != nil {
			out = e.fail(in, t.hub, fmt.Errorf("panic: %v", r))
		}
	}()
	res, err := e.run(t, in)
	if err == nil {
		err = t.failed
	}
	if err != nil {
		return e.fail(in, t.hub, err)
	}
	e.rest(t.hub, in.Now)
	out = Output{Response: res, Effects: t.effects}
	if res != nil && res.session != nil {
		st := res.session.encode()
		out.Opened = &st
	}
	return out
}

func (e *Engine) run(t *Turn, in *Input) (*Response, error) {
	switch in.Kind {
	case InputWake:
		return nil, e.wake(t, in)
	case InputRequest:
		return request(t, in.Request)
	case InputLeave:
		return nil, leave(t, in)
	case InputContinue:
		if s := t.hub.sessions[in.Session]; s != nil && !s.Live() && !s.closing {
			return nil, t.replay(s)
		}
		return nil, nil
	case InputTimer:
		if !t.TimerSet(in.Timer) {
			return nil, nil // it is of a life before, which Start has taken the place of
		}
		delete(t.hub.timers, in.Timer)
		if in.Timer == ageTimer {
			return nil, t.endExpired()
		}
		if h, ok := t.hub.value.(TimerHandler); ok {
			return nil, h.Timer(t, in.Timer)
		}
		return nil, nil
	}
	return nil, fmt.Errorf("unknown kind of input, %d", in.Kind)
}

// note keeps track of whether s, one of the hub's sessions, is live.
func (h *hubState) note(s *Session) {
	if s.Live() {
		delete(h.behind, s.id)
	} else {
		h.behind[s.id] = struct{}{}
	}
}

func (e *Engine) wake(t *Turn, in *Input) error {
	class, ok := e.classes[in.Hub.Class]
	if !ok {
		return fmt.Errorf("the program has no class %q", in.Hub.Class)
	}
	t.hub = &hubState{
		addr:     in.Hub,
		class:    class,
		sessions: make(map[string]*Session, len(in.Sessions)),
		behind:   make(map[string]struct{}),
		timers:   make(map[string]struct{}),
		log:      eventLog{limits: class.Log},
	}
	for _, st := range in.Sessions {
		s, err := decodeSession(st)
		if err != nil {
			return err
		}
		t.hub.sessions[s.id] = s
		t.hub.note(s)
	}
	t.hub.value = class.New()
	e.hubs[in.Hub] = t.hub
	if s, ok := t.hub.value.(Starter); ok {
		if err := s.Start(t); err != nil {
			return err
		}
	}
	for s := range t.Sessions() {
		if !s.Live() { // whether the host still has the request to continue is unknown
			t.effects = append(t.effects, Effect{Kind: EffectContinue, Session: s.id})
		}
	}
	return t.endExpired()
}

func request(t *Turn, r *Request) (*Response, error) {
	path := t.hub.class.Path
	if _, rest, ok, _ := SplitPath(r.Path, path); ok && path != "" {
		r.Rest = rest
	} else {
		r.Rest = r.Path
	}
	res, err := t.hub.value.Request(t, r)
	if err != nil {
		return nil, err
	}
	if res == nil {
		return nil, errors.New("the hub returned no response")
	}
	if t.opened != nil && res.session != t.opened {
		return nil, errors.New("the hub opened a session, but returned another response")
	}
	return res, res.finish()
}

func leave(t *Turn, in *Input) error {
	s := t.hub.sessions[in.Session]
	if s == nil {
		return nil // it left in a turn whose hub value is gone
	}
	delete(t.hub.sessions, in.Session)
	delete(t.hub.behind, in.Session)
	if l, ok := t.hub.value.(Leaver); ok {
		return l.Leave(t, s, in.Reason)
	}
	return nil
}

// fail drops the hub's value: fields that the turn changed must not outlive it.
func (e *Engine) fail(in *Input, h *hubState, err error) Output {
	if h != nil {
		e.drop(h)
	}
	cause := fmt.Sprintf("hub %s: %v", in.Hub, err)
	return Output{Failure: cause, Response: Problem(http.StatusInternalServerError, cause)}
}

func (e *Engine) drop(h *hubState) {
	delete(e.hubs, h.addr)
	if h.idle != nil {
		e.idle.Remove(h.idle)
		h.idle = nil
	}
}

// rest notes, after a turn, whether anything keeps the hub awake.
func (e *Engine) rest(h *hubState, now time.Time) {
	h.lastTurn = now
	switch awake := len(h.sessions) > 0 || len(h.timers) > 0; {
	case awake && h.idle != nil:
		e.idle.Remove(h.idle)
		h.idle = nil
	case !awake && h.idle == nil:
		h.idle = e.idle.PushBack(h)
	case !awake:
		e.idle.MoveToBack(h.idle)
	}
}

func (e *Engine) dropIdle(now time.Time) {
	for front := e.idle.Front(); front != nil; front = e.idle.Front() {
		h := front.Value.(*hubState)
		if now.Sub(h.lastTurn) < IdleTimeout {
			return
		}
		e.drop(h)
	}
}
