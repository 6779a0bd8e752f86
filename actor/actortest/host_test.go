package actortest_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// subject is a hub that does what the test says, and notes its inputs.
type subject struct {
	*world
	lives int
}

// world is what a test shares with its hubs.
type world struct {
	*actortest.Host
	notes []string
	do    func(t *actor.Turn) error // what a request does
	start func(t *actor.Turn) error // nil: nothing
	leave func(t *actor.Turn, s *actor.Session) error
	timer func(t *actor.Turn, name string) error
}

func (s *subject) note(t *actor.Turn, format string, args ...any) {
	at := t.Now().Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC))
	s.notes = append(s.notes, fmt.Sprintf("%v %s: ", at, t.Hub().Name)+fmt.Sprintf(format, args...))
}

func (s *subject) Start(t *actor.Turn) error {
	s.note(t, "start with %d", t.NumSessions())
	if s.start != nil {
		return s.start(t)
	}
	return nil
}

func (s *subject) Leave(t *actor.Turn, session *actor.Session, reason actor.LeaveReason) error {
	s.note(t, "leave %v", reason)
	if s.leave != nil {
		return s.leave(t, session)
	}
	return nil
}

func (s *subject) Timer(t *actor.Turn, name string) error {
	s.note(t, "timer %s", name)
	if s.timer != nil {
		return s.timer(t, name)
	}
	return nil
}

func (s *subject) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	s.lives++
	if r.Rest == "/events" {
		return t.Subscribe(r, actor.SubscribeOptions{})
	}
	if err := s.do(t); err != nil {
		return nil, err
	}
	return actor.Text(200, fmt.Sprint(s.lives)), nil
}

func newWorld(t *testing.T) *world {
	w := &world{}
	w.Host = actortest.New(t, actor.Program{Classes: []actor.Class{{
		Name: "Subject", Path: "/s/", New: func() actor.Hub { return &subject{world: w} }, MaxAge: -1,
	}}})
	return w
}

// turn runs do in a turn of the hub. The answer's body is the number of requests in the life of the hub's value.
func (w *world) turn(hub string, do func(t *actor.Turn) error) *actor.Response {
	w.do = do
	return w.Post("/s/"+hub+"/turn", "", "")
}

func (w *world) taken() []string {
	notes := w.notes
	w.notes = nil
	return notes
}

func nothing(*actor.Turn) error { return nil }

func addr(name string) actor.Address { return actor.Address{Class: "Subject", Name: name} }

// Timers of all hubs run in the order of being due, and of being set; each at its time.
func TestTimerOrder(t *testing.T) {
	w := newWorld(t)
	set := func(hub string, timers ...string) {
		w.turn(hub, func(t *actor.Turn) error {
			for _, timer := range timers {
				name, after, _ := strings.Cut(timer, " ")
				d, err := time.ParseDuration(after)
				if err != nil {
					return err
				}
				t.SetTimer(name, d)
			}
			return nil
		})
	}
	set("a", "late 3s", "one 2s", "gone 1s", "again 1s")
	set("b", "two 2s", "now 0s", "beyond 5s")
	set("a", "three 2s", "again 2s")
	w.turn("a", func(t *actor.Turn) error { t.ClearTimer("gone"); return nil })
	w.taken()
	w.timer = func(t *actor.Turn, name string) error {
		if name == "two" {
			t.SetTimer("follows", 500*time.Millisecond)
			t.SetTimer("at once", 0)
		}
		return nil
	}
	w.Advance(4 * time.Second)
	assert.Equal(t, []string{
		"0s b: timer now", "2s a: timer one", "2s b: timer two", "2s a: timer three", "2s a: timer again",
		"2s b: timer at once", "2.5s b: timer follows", "3s a: timer late",
	}, w.taken())
	assert.Equal(t, 4*time.Second, w.Now().Sub(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)))
	w.Advance(time.Second)
	assert.Equal(t, []string{"5s b: timer beyond"}, w.taken())
	w.Advance(time.Hour)
	assert.Empty(t, w.taken())
}

// Evict forgets one hub; Lose forgets all, and does not clear their timers, which then wake them.
func TestEvictAndLose(t *testing.T) {
	w := newWorld(t)
	client := w.Subscribe("/s/a/events")
	set := func(t *actor.Turn) error {
		t.SetTimer("x", time.Second)
		return t.Storage().Put("k", []byte("kept"))
	}
	require.Equal(t, "2", string(w.turn("a", set).Body))
	w.turn("b", set)
	w.Evict(addr("a"))
	w.taken()
	w.Advance(time.Minute)
	assert.Equal(t, []string{"1s b: timer x"}, w.taken(), "an evicted hub has no timers")
	assert.Equal(t, "1", string(w.turn("a", func(t *actor.Turn) error {
		value, _, err := t.Storage().Get("k")
		return errors.Join(err, t.Broadcast(actor.Event{Data: string(value)}))
	}).Body))
	assert.Equal(t, []string{"1m0s a: start with 1"}, w.taken())
	assert.Equal(t, "kept", client.Next().Data)

	w.turn("a", set)
	w.Lose()
	w.Advance(time.Minute)
	assert.Equal(t, []string{"1m1s a: start with 1"}, w.taken(), "a timer of the life before wakes the hub, and is not its")
	assert.Equal(t, "1", string(w.turn("b", nothing).Body))
}

// A client that does not read is sent what is live; only what it missed waits.
func TestStall(t *testing.T) {
	w := newWorld(t)
	publish := func(t *actor.Turn) error {
		for range 150 {
			if _, err := t.Publish(actor.Event{Data: "x"}); err != nil {
				return err
			}
		}
		return nil
	}
	w.turn("a", publish)
	count := func(c *actortest.Client) int { return strings.Count(c.Wire(), "data: x") }
	live := w.Subscribe("/s/a/events")
	live.Stall()
	behind := w.SubscribeStalled(actortest.Request("GET", "/s/a/events?last_event_id=earliest", "", ""))
	assert.Less(t, count(behind), 150)
	reading := w.Subscribe("/s/a/events?last_event_id=earliest")
	assert.Equal(t, 150, count(reading), "the next client is not stalled")
	w.turn("a", publish)
	assert.Equal(t, 150, count(live))
	assert.Less(t, count(behind), 150)
	behind.Unstall()
	assert.Equal(t, 300, count(behind))
	behind.Unstall()
	assert.Equal(t, 300, count(behind))
	assert.Equal(t, "x", behind.Next().Data)
	assert.Equal(t, behind.Events()[1], behind.Next())

	gone := w.SubscribeStalled(actortest.Request("GET", "/s/a/events?last_event_id=earliest", "", ""))
	gone.Leave()
	before := gone.Wire()
	gone.Unstall()
	w.turn("a", publish)
	assert.Equal(t, before, gone.Wire(), "a client that has left is sent something")
}

// Each end of a session is told once, with its reason.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	left, slow, closed := w.Subscribe("/s/a/events"), w.Subscribe("/s/a/events"), w.Subscribe("/s/a/events")
	w.taken()
	left.Leave()
	left.Leave()
	left.FallBehind()
	slow.FallBehind()
	assert.False(t, closed.Ended())
	w.turn("a", func(t *actor.Turn) error {
		t.Close(t.Session(closed.ID()))
		return nil
	})
	closed.Leave()
	assert.Equal(t, []string{"0s a: leave gone", "0s a: leave slow", "0s a: leave closed"}, w.taken())
	for _, c := range []*actortest.Client{left, slow, closed} {
		assert.True(t, c.Ended())
		assert.Equal(t, "retry: 2000\n\n", c.Wire())
	}
}

// What a turn leads to comes behind all that the turn sent.
func TestEffectsInOrder(t *testing.T) {
	w := newWorld(t)
	first, second := w.Subscribe("/s/a/events"), w.Subscribe("/s/a/events")
	w.leave = func(t *actor.Turn, _ *actor.Session) error {
		_, err := t.Publish(actor.Event{Data: "left"})
		return err
	}
	w.turn("a", func(t *actor.Turn) error {
		t.Close(t.Session(first.ID()))
		_, err := t.Publish(actor.Event{Data: "closed"})
		return err
	})
	require.Len(t, second.Events(), 2)
	assert.Equal(t, "closed", second.Next().Data)
	assert.Equal(t, "left", second.Next().Data)
	assert.Equal(t, "retry: 2000\n\n", first.Wire(), "something is behind the end")
}

// A hub whose turn failed wakes at once if somebody listens, as its timers are gone. It is not tried twice.
func TestFailedTurnWakes(t *testing.T) {
	w := newWorld(t)
	w.start = func(t *actor.Turn) error {
		t.SetTimer("from start", time.Second)
		return nil
	}
	fail := func(t *actor.Turn) error {
		t.SetTimer("staged", 0)
		return errors.New("on purpose")
	}
	assert.Equal(t, 500, w.turn("a", fail).Status)
	w.Advance(time.Minute)
	assert.Equal(t, []string{"0s a: start with 0"}, w.taken(), "nobody listens")

	client := w.Subscribe("/s/a/events")
	assert.Equal(t, []string{"1m0s a: start with 0"}, w.taken())
	assert.Equal(t, 500, w.turn("a", fail).Status)
	assert.Equal(t, []string{"1m0s a: start with 1"}, w.taken())
	w.Advance(time.Minute)
	assert.Equal(t, []string{"1m1s a: timer from start"}, w.taken())
	assert.False(t, client.Ended())

	w.start = func(*actor.Turn) error { return errors.New("on purpose") }
	assert.Equal(t, 500, w.turn("a", fail).Status)
	assert.Equal(t, []string{"2m0s a: start with 1"}, w.taken())
	w.start = nil
	assert.Equal(t, 200, w.turn("a", nothing).Status)
}

// A session that a wake ends, and whose leaving fails, does not cost the input that the hub woke for.
func TestInputBehindFailure(t *testing.T) {
	w := newWorld(t)
	client := w.Subscribe("/s/a/events")
	w.Evict(addr("a"))
	w.start = func(t *actor.Turn) error {
		for s := range t.Sessions() {
			t.Close(s)
		}
		return nil
	}
	w.leave = func(*actor.Turn, *actor.Session) error { panic("on purpose") }
	res := w.turn("a", nothing)
	require.NotNil(t, res, "the request was lost")
	assert.Equal(t, 200, res.Status)
	assert.True(t, client.Ended())
	w.leave = nil
	w.taken()
	assert.Equal(t, 200, w.turn("a", nothing).Status)
	assert.Equal(t, []string{"0s a: start with 0"}, w.taken(), "the session outlived its end")
}

// Randomness is the same in each host, and not the same twice in one.
func TestRandom(t *testing.T) {
	ids := func() []string {
		w := newWorld(t)
		return []string{w.Subscribe("/s/a/events").ID(), w.Subscribe("/s/b/events").ID()}
	}
	one := ids()
	assert.Equal(t, one, ids())
	assert.NotEqual(t, one[0], one[1])
}

func TestRequest(t *testing.T) {
	r := actortest.Request("PUT", "/a%20b?x=1&y", "text/plain", "body")
	assert.Equal(t, &actor.Request{
		Method: "PUT", Path: "/a%20b", RawQuery: "x=1&y", Body: []byte("body"),
		Header: actor.Header{{Name: "content-type", Value: "text/plain"}},
	}, r)
	assert.Empty(t, actortest.Request("GET", "/", "", "").Header)
}
