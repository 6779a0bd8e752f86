package eventhub_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReconnect(t *testing.T) {
	host := newHost(t)
	client := host.Subscribe(events)
	host.Post(events, "text/plain", "one")
	client.Leave()
	host.Post(events, "text/plain", "two")
	host.Post(events, "application/json", `{"data":"gone","ephemeral":true}`)
	received := client.Events()
	r := actortest.Request("GET", events+"?last_event_id=latest", "", "")
	r.Header.Set("Last-Event-ID", received[len(received)-1].ID)
	again := host.SubscribeStalled(r)
	assert.Equal(t, "connected", again.Next().Name)
	assert.Equal(t, "two", again.Next().Data)
	host.Post(events, "text/plain", "three")
	assert.Equal(t, "three", again.Next().Data)
}

func TestEphemeral(t *testing.T) {
	host := newHost(t)
	client := host.Subscribe(events)
	client.Next()
	for _, post := range []func() *actor.Response{
		func() *actor.Response {
			return host.Post(events, "application/json", `{"event":"typing","data":1,"ephemeral":true,"key":"me"}`)
		},
		func() *actor.Response {
			return host.Post(events+"?event=typing&ephemeral=true&key=me", "text/plain", "1")
		},
	} {
		res := post()
		require.Equal(t, 200, res.Status, "%s", res.Body)
		assert.Equal(t, `{"id":""}`, string(res.Body))
		assert.Equal(t, actor.Event{Name: "typing", Data: "1"}, client.Next())
	}
	assert.Contains(t, string(host.Get("/hubs/a").Body), `"lastEventId":""`)
	assert.Equal(t, 400, host.Post(events+"?ephemeral=perhaps", "text/plain", "1").Status)
}

func TestIdempotencyKey(t *testing.T) {
	host := newHost(t)
	client := host.Subscribe(events)
	client.Next()
	publish := func(key, body string) *actor.Response {
		r := actortest.Request("POST", events, "application/json", body)
		r.Header.Set("Idempotency-Key", key)
		return host.Do(r)
	}
	first := publish("k1", `{"data":1}`)
	assert.Equal(t, first.Body, publish("k1", `{"data":1}`).Body)
	assert.NotEqual(t, first.Body, publish("k2", `{"data":2}`).Body)
	assert.Equal(t, "1", client.Next().Data)
	assert.Equal(t, "2", client.Next().Data)
	assert.Len(t, client.Events(), 3)
	assert.Equal(t, 400, publish("k3", `{"data":1,"ephemeral":true}`).Status)
	assert.Equal(t, 400, publish("\xff", `{"data":1}`).Status)
}

func TestPublishRate(t *testing.T) {
	host := newHostOf(t, eventhub.Options{PublishRate: 10})
	for range 10 {
		require.Equal(t, 200, host.Post(events, "text/plain", "x").Status)
	}
	res := host.Post(events, "text/plain", "x")
	assert.Equal(t, 429, res.Status)
	assert.Equal(t, "1", res.Header.Get("Retry-After"))
	assert.Equal(t, 200, host.Post("/hubs/b/events", "text/plain", "x").Status, "another hub's limit")
	host.Advance(100 * time.Millisecond)
	assert.Equal(t, 200, host.Post(events, "text/plain", "x").Status)
	assert.Equal(t, 429, host.Post(events, "text/plain", "x").Status)
	host.Advance(time.Second)
	for range 10 {
		assert.Equal(t, 200, host.Post(events, "text/plain", "x").Status)
	}
	assert.Equal(t, 429, host.Post(events, "text/plain", "x").Status)

	free := newHostOf(t, eventhub.Options{PublishRate: -1})
	for range 5000 {
		require.Equal(t, 200, free.Post(events, "text/plain", "x").Status)
	}
}

func TestMaxData(t *testing.T) {
	host := newHostOf(t, eventhub.Options{MaxData: 10})
	assert.Equal(t, 200, host.Post(events, "text/plain", "0123456789").Status)
	assert.Equal(t, 413, host.Post(events, "text/plain", "0123456789x").Status)
	_, err := actor.NewFront(actor.Program{Classes: []actor.Class{eventhub.Class(eventhub.Options{MaxData: 1 << 30})}})
	assert.ErrorIs(t, err, actor.ErrProgram)
}

func TestSessions(t *testing.T) {
	host := newHost(t)
	type page struct {
		Sessions []struct {
			ID, Kind, Joined, Resumed string
			Live                      bool
		}
		Next string
	}
	list := func(query string) (p page) {
		res := host.Get("/hubs/a/sessions" + query)
		require.Equal(t, 200, res.Status, "%s", res.Body)
		require.NoError(t, json.Unmarshal(res.Body, &p))
		return p
	}
	assert.JSONEq(t, `{"sessions":[]}`, string(host.Get("/hubs/a/sessions").Body))
	clients := map[string]*actortest.Client{}
	for range 25 {
		c := host.Subscribe(events + "?last_event_id=latest")
		clients[c.ID()] = c
	}
	seen := map[string]bool{}
	after := ""
	for pages := 1; ; pages++ {
		p := list(fmt.Sprint("?limit=10&after=", after))
		for _, s := range p.Sessions {
			assert.Contains(t, clients, s.ID)
			assert.Equal(t, []any{"sse", "2000-01-01T00:00:00Z", "latest", true}, []any{s.Kind, s.Joined, s.Resumed, s.Live})
			seen[s.ID] = true
		}
		if after = p.Next; after == "" {
			assert.Equal(t, 3, pages)
			break
		}
	}
	assert.Len(t, seen, 25)
	for _, query := range []string{"?limit=0", "?limit=1001", "?limit=x"} {
		assert.Equal(t, 400, host.Get("/hubs/a/sessions"+query).Status)
	}

	one := clients[list("?limit=1").Sessions[0].ID]
	del := func(query string) *actor.Response {
		return host.Do(actortest.Request("DELETE", "/hubs/a/sessions/"+one.ID()+query, "", ""))
	}
	assert.Equal(t, 400, del("?reconnect=perhaps").Status)
	assert.Equal(t, 204, del("?reason=spam&reconnect=false").Status)
	assert.True(t, one.Ended())
	last := one.Events()[len(one.Events())-1]
	assert.Equal(t, actor.Event{Name: "goodbye", Data: `{"reason":"spam","reconnect":false}`}, last)
	assert.Equal(t, 404, del("").Status)
	assert.Len(t, list("").Sessions, 24)
	res := host.Do(actortest.Request("GET", "/hubs/a/sessions/x", "", ""))
	assert.Equal(t, 405, res.Status)
	assert.Equal(t, "DELETE, OPTIONS", res.Header.Get("Allow"))
}

// What the front knows of a client, the hub and its operators see.
func TestMeta(t *testing.T) {
	class := eventhub.Class(eventhub.Options{})
	host := actortest.New(t, actor.Program{Classes: []actor.Class{class}, Route: func(r *actor.Request) actor.Decision {
		if r.Path != "/in" {
			return actor.Decision{}
		}
		r.Path = events
		return actor.Decision{Hub: actor.Address{Class: "Hub", Name: "a"}, Meta: []byte(r.RawQuery)}
	}})
	host.Subscribe(`/in?{"user":"ada"}`)
	assert.Contains(t, string(host.Get("/hubs/a/sessions").Body), `"meta":{"user":"ada"}`)
	host.Subscribe(`/in?plain`)
	assert.Contains(t, string(host.Get("/hubs/a/sessions").Body), `"meta":"plain"`)
}
