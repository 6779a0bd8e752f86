package actor_test

import (
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// However close to each other sessions expire, none ends before nine tenths, or behind eleven tenths, of the maximum age.
func TestAgeWindow(t *testing.T) {
	for name, c := range map[string]struct{ maxAge, apart, look time.Duration }{
		"minutes": {10 * time.Minute, 20 * time.Millisecond, 200 * time.Millisecond},
		"short":   {500 * time.Millisecond, time.Millisecond, time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			host := newSnapshotHost(t, func(class *actor.Class) { class.MaxAge = c.maxAge })
			var clients []*actortest.Client
			joined := make(map[*actortest.Client]time.Time)
			for range 300 {
				client := host.Subscribe("/h/a/events")
				clients = append(clients, client)
				joined[client] = host.Now()
				host.Advance(c.apart)
			}
			for before := host.Now(); len(joined) > 0; before = host.Now() {
				host.Advance(c.look)
				for _, client := range clients {
					at, open := joined[client]
					switch {
					case !open:
					case client.Ended():
						assert.GreaterOrEqual(t, host.Now().Sub(at), c.maxAge*9/10, "it ended early")
						delete(joined, client)
					case before.Sub(at) >= c.maxAge*11/10:
						require.Fail(t, "a session did not end")
					}
				}
			}
		})
	}
}

// A hub whose class has no maximum age any more keeps to that of sessions that are older, and then rests.
func TestAgeOfSessionsBefore(t *testing.T) {
	now := time.UnixMilli(1e12)
	hub := actor.Address{Class: "Hub", Name: "a"}
	newEngine := func(maxAge time.Duration) *actor.Engine {
		e, err := actor.NewEngine(actor.Program{Classes: []actor.Class{{
			Name: "Hub", New: func() actor.Hub { return snapshotHub{} }, MaxAge: maxAge,
		}}}, quietHost{})
		require.NoError(t, err)
		return e
	}
	e := newEngine(time.Minute)
	require.Empty(t, e.Turn(&actor.Input{Kind: actor.InputWake, Hub: hub, Now: now}).Failure)
	joined := e.Turn(&actor.Input{
		Kind: actor.InputRequest, Hub: hub, Now: now, Request: &actor.Request{Method: "GET", Path: "/events"},
	})
	require.NotNil(t, joined.Opened, joined.Failure)

	e = newEngine(-time.Minute)
	out := e.Turn(&actor.Input{
		Kind: actor.InputWake, Hub: hub, Now: now, Sessions: []actor.SessionState{*joined.Opened},
	})
	for turns := 0; ; turns++ {
		require.Less(t, turns, 3, "the hub sets a timer again and again")
		var timer *actor.Effect
		for i, effect := range out.Effects {
			switch effect.Kind {
			case actor.EffectClose:
				return
			case actor.EffectSetTimer:
				timer = &out.Effects[i]
			}
		}
		require.NotNil(t, timer, "nothing ends the session")
		now = now.Add(timer.Delay)
		out = e.Turn(&actor.Input{Kind: actor.InputTimer, Hub: hub, Now: now, Timer: timer.Timer})
		require.Empty(t, out.Failure)
	}
}

// quietHost is a host without storage, whose randomness is all zero.
type quietHost struct{ actor.Host }

func (quietHost) Random(p []byte) { clear(p) }

func (quietHost) Get(string) ([]byte, bool, error) { return nil, false, nil }
