package actortest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// Host runs a program's hubs. It is for one goroutine.
type Host struct {
	t      testing.TB
	front  *actor.Front
	engine *actor.Engine
	rand   *rand.ChaCha8
	now    time.Time
	timers []*timer // in order of being due; of the same time, in order of being set
	hubs   map[actor.Address]*hub
	turn   *hub // whose turn runs

	// What follows from a turn's effects waits until all of them are released: it is of later turns.
	pending []pending

	stalled bool // new clients are

	program actor.Program
}

// pending is an input that a turn's release has led to.
type pending struct {
	hub  *hub
	in   *actor.Input
	then func() // nil, or what follows
}

type timer struct {
	due  time.Time
	hub  *hub
	name string
}

// hub is what the host holds of a hub: what survives when the hub's value is gone.
type hub struct {
	addr    actor.Address
	data    map[string][]byte
	clients []*Client
	evicted bool // the engine has heard of another one
}

// New returns a host of p, on which it is midnight UTC of 1 January 2000. Its randomness is the same each time.
func New(t testing.TB, p actor.Program) *Host {
	t.Helper()
	h := &Host{
		t:       t,
		now:     time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC),
		rand:    rand.NewChaCha8([32]byte{}),
		hubs:    make(map[actor.Address]*hub),
		program: p,
	}
	var err error
	if h.front, err = actor.NewFront(p); err != nil {
		t.Fatal(err)
	}
	h.Lose()
	return h
}

// Lose loses the instance that all hubs are on: whatever is in memory only is gone, sessions and storage are not.
func (h *Host) Lose() {
	h.t.Helper()
	engine, err := actor.NewEngine(h.program, storage{h})
	if err != nil {
		h.t.Fatal(err)
	}
	h.engine = engine
}

// Now returns the host's time.
func (h *Host) Now() time.Time { return h.now }

// Advance lets d pass: timers that become due run on the way, each at its time.
func (h *Host) Advance(d time.Duration) {
	until := h.now.Add(d)
	for len(h.timers) > 0 && !h.timers[0].due.After(until) {
		t := h.timers[0]
		h.timers = h.timers[1:]
		h.now = t.due
		h.run(t.hub, &actor.Input{Kind: actor.InputTimer, Timer: t.name})
	}
	h.now = until
}

// Evict has one hub forgotten, as a sleeping one is: its value is made anew at its next input.
func (h *Host) Evict(addr actor.Address) {
	hub := h.hub(addr)
	h.clearTimers(hub)
	hub.evicted = true
}

// Do sends a request through the front, and through the hub that it decides for. Without a decision of either it
// answers nil, as the request is then for the program's http.Handler.
func (h *Host) Do(r *actor.Request) *actor.Response {
	res, _ := h.do(r)
	return res
}

// Get sends a GET of path, which may have a query.
func (h *Host) Get(path string) *actor.Response { return h.Do(Request("GET", path, "", "")) }

// Post sends a POST of body to path, which may have a query.
func (h *Host) Post(path, contentType, body string) *actor.Response {
	return h.Do(Request("POST", path, contentType, body))
}

// Request returns a request of path, which may have a query. contentType may be empty.
func Request(method, path, contentType, body string) *actor.Request {
	r := &actor.Request{Method: method, Body: []byte(body)}
	r.Path, r.RawQuery, _ = strings.Cut(path, "?")
	if contentType != "" {
		r.Header.Set("content-type", contentType)
	}
	return r
}

// Subscribe opens a session with a GET of path. The test fails when the answer is no stream.
func (h *Host) Subscribe(path string) *Client {
	h.t.Helper()
	res, client := h.do(Request("GET", path, "", ""))
	if client == nil {
		h.t.Fatalf("GET %s: no stream was opened, the answer is %d: %s", path, res.Status, res.Body)
	}
	return client
}

// SubscribeStalled opens a session with r, whose client does not read from the beginning: see [Client.Stall].
func (h *Host) SubscribeStalled(r *actor.Request) *Client {
	h.t.Helper()
	h.stalled = true
	res, client := h.do(r)
	h.stalled = false
	if client == nil {
		h.t.Fatalf("%s %s: no stream was opened, the answer is %d: %s", r.Method, r.Path, res.Status, res.Body)
	}
	return client
}

func (h *Host) do(r *actor.Request) (*actor.Response, *Client) {
	d := h.front.Decide(r)
	if d.Answer != nil || d.Hub == (actor.Address{}) {
		return d.Answer, nil
	}
	r.Meta = d.Meta
	return h.run(h.hub(d.Hub), &actor.Input{Kind: actor.InputRequest, Request: r})
}

func (h *Host) hub(addr actor.Address) *hub {
	if h.hubs[addr] == nil {
		h.hubs[addr] = &hub{addr: addr, data: make(map[string][]byte)}
	}
	return h.hubs[addr]
}

// run runs an input, and then what it leads to.
func (h *Host) run(hub *hub, in *actor.Input) (*actor.Response, *Client) {
	res, opened := h.runOne(hub, in)
	h.settle()
	return res, opened
}

// later has an input run when all that is released now has been.
func (h *Host) later(hub *hub, in *actor.Input, then func()) {
	h.pending = append(h.pending, pending{hub, in, then})
}

func (h *Host) settle() {
	for len(h.pending) > 0 {
		p := h.pending[0]
		h.pending = h.pending[1:]
		h.runOne(p.hub, p.in)
		if p.then != nil {
			p.then()
		}
	}
}

// runOne runs an input, and before it what it takes for the engine to know the hub.
func (h *Host) runOne(hub *hub, in *actor.Input) (*actor.Response, *Client) {
	out := actor.Output{NeedWake: true}
	if !hub.evicted {
		out = h.attempt(hub, in)
	}
	if out.NeedWake {
		hub.evicted = false
		woken := h.attempt(hub, h.wakeInput(hub))
		if woken.Failure != "" {
			return h.failed(hub, in, woken), nil
		}
		h.release(hub, woken)
		out = h.attempt(hub, in)
	}
	if out.Failure != "" {
		return h.failed(hub, in, out), nil
	}
	return out.Response, h.release(hub, out)
}

// rouse is the name of the timer that is there only to wake a hub: none of its own has an empty name.
const rouse = ""

func (h *Host) failed(hub *hub, in *actor.Input, out actor.Output) *actor.Response {
	h.t.Logf("a turn failed: %s", out.Failure)
	h.clearTimers(hub)
	listening := slices.ContainsFunc(hub.clients, func(c *Client) bool { return !c.ended })
	if listening && !(in.Kind == actor.InputTimer && in.Timer == rouse) {
		// The hub's timers went with the turn. It sets them again when it wakes, which must not wait for the next
		// request if somebody listens.
		h.later(hub, &actor.Input{Kind: actor.InputTimer, Timer: rouse}, nil)
	}
	return out.Response
}

func (h *Host) wakeInput(hub *hub) *actor.Input {
	h.clearTimers(hub)
	in := &actor.Input{Kind: actor.InputWake}
	for _, c := range hub.clients {
		in.Sessions = append(in.Sessions, c.state)
	}
	return in
}

// attempt runs a turn, and takes its writes back unless it succeeded.
func (h *Host) attempt(hub *hub, in *actor.Input) actor.Output {
	in.Hub, in.Now = hub.addr, h.now
	before := make(map[string][]byte, len(hub.data))
	for key, value := range hub.data {
		before[key] = value
	}
	h.turn = hub
	out := h.engine.Turn(in)
	h.turn = nil
	if out.NeedWake || out.Failure != "" {
		hub.data = before
	}
	return out
}

func (h *Host) release(hub *hub, out actor.Output) (opened *Client) {
	if out.Opened != nil {
		opened = &Client{host: h, hub: hub, state: *out.Opened, stalled: h.stalled}
		hub.clients = append(hub.clients, opened)
	}
	for _, e := range out.Effects {
		switch e.Kind {
		case actor.EffectSend:
			for _, c := range hub.clients {
				if !c.ended && (e.Session == "" || e.Session == c.state.ID) && !slices.Contains(e.Except, c.state.ID) {
					c.wire = append(c.wire, e.Data...)
				}
			}
		case actor.EffectContinue:
			if c := hub.client(e.Session); c != nil {
				c.waiting = true
			}
		case actor.EffectSave:
			if c := hub.client(e.Session); c != nil {
				c.state.State = e.Data
			}
		case actor.EffectClose:
			if c := hub.client(e.Session); c != nil {
				c.leave(actor.LeaveClosed)
			}
		case actor.EffectSetTimer:
			h.clearTimer(hub, e.Timer)
			h.setTimer(&timer{h.now.Add(e.Delay), hub, e.Timer})
		case actor.EffectClearTimer:
			h.clearTimer(hub, e.Timer)
		}
	}
	for _, c := range hub.clients {
		c.goOn()
	}
	return opened
}

func (h *hub) client(id string) *Client {
	for _, c := range h.clients {
		if c.state.ID == id && !c.ended {
			return c
		}
	}
	return nil
}

func (h *Host) setTimer(t *timer) {
	i := slices.IndexFunc(h.timers, func(other *timer) bool { return other.due.After(t.due) })
	if i < 0 {
		i = len(h.timers)
	}
	h.timers = slices.Insert(h.timers, i, t)
}

func (h *Host) clearTimer(hub *hub, name string) {
	h.timers = slices.DeleteFunc(h.timers, func(t *timer) bool { return t.hub == hub && t.name == name })
}

func (h *Host) clearTimers(hub *hub) {
	h.timers = slices.DeleteFunc(h.timers, func(t *timer) bool { return t.hub == hub })
}
