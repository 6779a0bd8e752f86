package actor_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// probe is a hub that does as the request's path says, and counts its turns in a field and in storage.
type probe struct {
	turns int
	log   *[]string // survives the value
}

func (p *probe) note(s string) { *p.log = append(*p.log, s) }

func (p *probe) Start(t *actor.Turn) error {
	p.note("start")
	return nil
}

func (p *probe) Join(t *actor.Turn, s *actor.Session) error {
	p.note("join")
	return t.Send(s, actor.Event{Name: "welcome", Data: s.ID()})
}

func (p *probe) Leave(t *actor.Turn, s *actor.Session, reason actor.LeaveReason) error {
	p.note("leave " + reason.String())
	return t.Broadcast(actor.Event{Name: "left", Data: s.ID()})
}

func (p *probe) Timer(t *actor.Turn, name string) error {
	p.note("timer " + name)
	return t.Broadcast(actor.Event{Name: "timer", Data: name})
}

func (p *probe) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	p.turns++
	switch r.Rest {
	case "/events":
		return t.Subscribe(r, actor.SubscribeOptions{Meta: []byte(r.RawQuery)})
	case "/turns":
		return actor.JSON(200, p.turns), nil
	case "/stored":
		value, _, err := t.Storage().Get("k")
		return actor.Text(200, string(value)), err
	case "/put":
		return &actor.Response{}, t.Storage().Put("k", r.Body)
	case "/publish":
		id, err := t.Publish(actor.Event{Data: string(r.Body)})
		return actor.Text(200, id), err
	case "/last":
		id, err := t.LastEventID()
		return actor.Text(200, id), err
	case "/timer":
		t.SetTimer(string(r.Body), time.Second)
		return &actor.Response{}, nil
	case "/clear":
		t.ClearTimer(string(r.Body))
		return &actor.Response{}, nil
	case "/close":
		for s := range t.Sessions() {
			t.Close(s)
		}
		return &actor.Response{}, nil
	case "/nil":
		return nil, nil
	case "/header":
		return &actor.Response{Header: actor.Header{{Name: "X", Value: string(r.Body)}}}, nil
	}
	if err := p.stage(t); err != nil {
		return nil, err
	}
	switch r.Rest {
	case "/panic":
		panic("on purpose")
	case "/error":
		return nil, errors.New("on purpose")
	}
	return nil, errors.New("unknown path")
}

// stage does a bit of everything that must not be seen when the turn fails.
func (p *probe) stage(t *actor.Turn) error {
	p.turns = 1000
	t.SetTimer("staged", 0)
	_, err := t.Publish(actor.Event{Data: "staged"})
	return errors.Join(err, t.Storage().Put("k", []byte("staged")))
}

func newProbe(t *testing.T) (*actortest.Host, *[]string) {
	log := &[]string{}
	return actortest.New(t, actor.Program{Classes: []actor.Class{{
		Name: "Probe", Path: "/p/", New: func() actor.Hub { return &probe{log: log} }, MaxAge: -1,
	}}}), log
}

func TestTurnIsAtomic(t *testing.T) {
	for _, fault := range []string{"panic", "error"} {
		t.Run(fault, func(t *testing.T) {
			host, log := newProbe(t)
			client := host.Subscribe("/p/a/events")
			host.Post("/p/a/put", "", "before")
			require.Equal(t, "/welcome", "/"+client.Next().Name)

			res := host.Post("/p/a/"+fault, "", "")
			assert.Equal(t, 500, res.Status)
			assert.Contains(t, string(res.Body), "on purpose")
			assert.Contains(t, string(res.Body), "Probe/a")
			assert.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))

			host.Advance(time.Minute)
			assert.Len(t, client.Events(), 1, "something staged was released")
			assert.Equal(t, "before", string(host.Get("/p/a/stored").Body))
			assert.Equal(t, "2", string(host.Get("/p/a/turns").Body), "a field outlived the failed turn") // with the one before it
			assert.Empty(t, host.Get("/p/a/last").Body)
			id := host.Post("/p/a/publish", "", "x").Body
			assert.True(t, strings.HasSuffix(string(id), "-1"), "a hole in the ids: %s", id)
			assert.Equal(t, "x", client.Next().Data, "the session is lost")
			assert.Equal(t, []string{"start", "join", "start"}, *log)
		})
	}
}

func TestWakeKeepsSessions(t *testing.T) {
	for name, lose := range map[string]func(*actortest.Host){
		"evicted": func(h *actortest.Host) { h.Evict(actor.Address{Class: "Probe", Name: "a"}) },
		"lost":    func(h *actortest.Host) { h.Lose() },
	} {
		t.Run(name, func(t *testing.T) {
			host, log := newProbe(t)
			one, two := host.Subscribe("/p/a/events"), host.Subscribe("/p/a/events")
			lose(host)
			two.Leave()
			assert.Equal(t, []string{"start", "join", "join", "start", "leave gone"}, *log)
			one.Next()
			assert.Equal(t, actor.Event{Name: "left", Data: two.ID()}, one.Next())
			assert.Len(t, two.Events(), 1, "the client that left heard of it")
		})
	}
}

func TestIdsGoOn(t *testing.T) {
	host, _ := newProbe(t)
	first := string(host.Post("/p/a/publish", "", "x").Body)
	host.Lose()
	host.Advance(time.Hour)
	second := string(host.Post("/p/a/publish", "", "x").Body)
	assert.Equal(t, strings.TrimSuffix(first, "1")+"2", second)
	assert.Equal(t, second, string(host.Get("/p/a/last").Body))
	assert.Empty(t, host.Get("/p/b/last").Body, "another hub's log")
}

func TestTimers(t *testing.T) {
	host, log := newProbe(t)
	client := host.Subscribe("/p/a/events")
	host.Post("/p/a/timer", "", "one")
	host.Post("/p/a/timer", "", "two")
	host.Post("/p/a/clear", "", "two")
	host.Advance(time.Second - time.Millisecond)
	assert.Len(t, client.Events(), 1)
	host.Post("/p/a/timer", "", "one") // replaces it
	host.Advance(time.Millisecond)
	assert.Len(t, client.Events(), 1)
	host.Advance(time.Second)
	assert.Equal(t, "one", client.Events()[1].Data)
	host.Advance(time.Hour)
	assert.Equal(t, []string{"start", "join", "timer one"}, *log)
}

func TestIdleHubSleeps(t *testing.T) {
	host, log := newProbe(t)
	host.Get("/p/a/turns")
	host.Advance(actor.IdleTimeout - 1)
	assert.Equal(t, "2", string(host.Get("/p/a/turns").Body))
	host.Advance(actor.IdleTimeout)
	assert.Equal(t, "1", string(host.Get("/p/a/turns").Body), "it did not sleep")
	client := host.Subscribe("/p/a/events")
	host.Advance(time.Hour)
	assert.Equal(t, "3", string(host.Get("/p/a/turns").Body), "it slept with a session")
	client.Leave()
	host.Advance(time.Hour)
	host.Get("/p/b/turns") // the next turn of any hub is when idle ones are dropped
	assert.Equal(t, "1", string(host.Get("/p/a/turns").Body))
	assert.Equal(t, []string{"start", "start", "join", "leave gone", "start", "start"}, *log)
}

func TestSubscribe(t *testing.T) {
	host, _ := newProbe(t)
	res := host.Do(actortest.Request("HEAD", "/p/a/events", "", ""))
	assert.Equal(t, "text/event-stream; charset=utf-8", res.Header.Get("content-type"))
	assert.Equal(t, "no-store, no-transform", res.Header.Get("cache-control"))
	assert.Equal(t, "no", res.Header.Get("x-accel-buffering"))

	client := host.Subscribe("/p/a/events?me")
	assert.Regexp(t, "^[0-9a-f]{32}$", client.ID())
	assert.NotEqual(t, client.ID(), host.Subscribe("/p/a/events").ID())
	assert.Equal(t, client.ID(), client.Next().Data)

	res = host.Get("/p/a/events?" + strings.Repeat("x", actor.MaxMeta+1))
	assert.Equal(t, 500, res.Status)
	assert.Contains(t, string(res.Body), "metadata too large")
}

func TestClose(t *testing.T) {
	host, log := newProbe(t)
	client := host.Subscribe("/p/a/events")
	host.Get("/p/a/close")
	assert.True(t, client.Ended())
	assert.Equal(t, []string{"start", "join", "leave closed"}, *log)
}

// failing is a host whose every write fails.
type failing struct{ actor.Host }

func (failing) Put(string, []byte) error { return actor.ErrStorage }

func (failing) Get(string) ([]byte, bool, error) { return nil, false, nil }

// A write that failed fails the turn, also when hub code does not look.
func TestIgnoredStorageError(t *testing.T) {
	engine, err := actor.NewEngine(actor.Program{Classes: []actor.Class{{
		Name: "Probe", New: func() actor.Hub { return careless{} },
	}}}, failing{})
	require.NoError(t, err)
	hub := actor.Address{Class: "Probe", Name: "a"}
	engine.Turn(&actor.Input{Kind: actor.InputWake, Hub: hub})
	out := engine.Turn(&actor.Input{Kind: actor.InputRequest, Hub: hub, Request: &actor.Request{Method: "GET"}})
	assert.Contains(t, out.Failure, "storage failed")
	assert.Equal(t, 500, out.Response.Status)
}

type careless struct{}

func (careless) Request(t *actor.Turn, _ *actor.Request) (*actor.Response, error) {
	t.Storage().Put("k", nil)
	return &actor.Response{}, nil
}

func TestBadResponses(t *testing.T) {
	host, _ := newProbe(t)
	res := host.Get("/p/a/nil")
	assert.Equal(t, 500, res.Status)
	assert.Contains(t, string(res.Body), "no response")
	// Whoever controls a header's value must not be able to add headers.
	res = host.Post("/p/a/header", "", "x\r\nSet-Cookie: forged")
	assert.Equal(t, 500, res.Status)
	assert.Contains(t, string(res.Body), "invalid header field")
	assert.Equal(t, "fine", host.Post("/p/a/header", "", "fine").Header.Get("x"))
}

func TestFront(t *testing.T) {
	program := actor.Program{
		Classes: []actor.Class{{Name: "Probe", Path: "/p/", New: func() actor.Hub { return &probe{log: &[]string{}} }}},
		Header:  actor.Header{{Name: "X-All", Value: "yes"}},
		Route: func(r *actor.Request) actor.Decision {
			switch r.Path {
			case "/panic":
				panic("on purpose")
			case "/own":
				return actor.Decision{Hub: actor.Address{Class: "Probe", Name: "own"}}
			case "/wrong":
				return actor.Decision{Hub: actor.Address{Class: "Nobody", Name: "a"}}
			case "/badname":
				return actor.Decision{Hub: actor.Address{Class: "Probe", Name: "\n"}}
			}
			return actor.Decision{}
		},
	}
	front, err := actor.NewFront(program)
	require.NoError(t, err)
	decide := func(path string) actor.Decision { return front.Decide(actortest.Request("GET", path, "", "")) }

	assert.Equal(t, actor.Address{Class: "Probe", Name: "a/b"}, decide("/p/a%2fb/x").Hub)
	assert.Equal(t, actor.Address{Class: "Probe", Name: "own"}, decide("/own").Hub)
	for path, status := range map[string]int{"/panic": 500, "/wrong": 500, "/badname": 400, "/p/%ff": 400, "/x": 404} {
		d := decide(path)
		require.NotNil(t, d.Answer, path)
		assert.Equal(t, status, d.Answer.Status, path)
		assert.Equal(t, "yes", d.Answer.Header.Get("x-all"), path)
	}

	program.HasHandler = true
	front, err = actor.NewFront(program)
	require.NoError(t, err)
	assert.Equal(t, actor.Decision{}, decide("/x"))
}
