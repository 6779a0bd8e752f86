package eventhub_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const events = "/hubs/a/events"

func newHost(t *testing.T) *actortest.Host { return newHostOf(t, eventhub.Options{}) }

func newHostOf(t *testing.T, opts eventhub.Options) *actortest.Host {
	return actortest.New(t, actor.Program{
		Classes: []actor.Class{eventhub.Class(opts)},
		Header:  eventhub.CORS,
		Route:   func(r *actor.Request) actor.Decision { return eventhub.Route("/hubs/", r) },
	})
}

func TestSubscribeAndPublish(t *testing.T) {
	host := newHost(t)
	client := host.Subscribe(events)
	assert.Equal(t, actor.Event{Name: "connected", Data: fmt.Sprintf(`{"session":%q,"hub":"a"}`, client.ID())}, client.Next())

	res := host.Post(events, "application/json", `{"event":"chat","data":{"a": 1}}`)
	require.Equal(t, 200, res.Status, "%s", res.Body)
	first := client.Next()
	assert.Equal(t, fmt.Sprintf(`{"id":%q}`, first.ID), string(res.Body))
	assert.Equal(t, actor.Event{ID: first.ID, Name: "chat", Data: `{"a":1}`}, first)

	host.Post(events+"?event=note", "text/plain; charset=UTF-8", "a\r\nb")
	assert.Equal(t, actor.Event{ID: strings.TrimSuffix(first.ID, "1") + "2", Name: "note", Data: "a\nb"}, client.Next())
	assert.JSONEq(t, `{"hub":"a","sessions":1,"lastEventId":"`+strings.TrimSuffix(first.ID, "1")+`2"}`,
		string(host.Get("/hubs/a").Body))
}

func TestData(t *testing.T) {
	for body, want := range map[string]string{
		`{"data":"text"}`:            "text",
		`{"data":""}`:                "",
		`{"data":null}`:              "null",
		`{"data":[1, "a", {}]}`:      `[1,"a",{}]`,
		`{"data":12345678901234567}`: "12345678901234567",
		`{"data":"a\u0000b"}`:        "a\x00b",
		`{"data":"a\r\nb"}`:          "a\nb",
	} {
		host := newHost(t)
		client := host.Subscribe(events)
		res := host.Post(events, "application/json", body)
		require.Equal(t, 200, res.Status, "%s: %s", body, res.Body)
		client.Next()
		e := client.Next()
		assert.Equal(t, want, e.Data)
		assert.Equal(t, "message", e.Name)
	}
}

func TestPublishRefuses(t *testing.T) {
	const kilobyte = 1 << 10
	for _, c := range []struct {
		contentType, body string
		status            int
		detail            string
	}{
		{"", "x", 415, "no Content-Type"},
		{"image/png", "x", 415, "image/png"},
		{"text/plain; charset=latin1", "x", 415, "latin1"},
		{"text/", "x", 415, "malformed"},
		{"application/json", "", 400, "empty"},
		{"application/json", "{", 400, "unexpected EOF"},
		{"application/json", `{"data":1} x`, 400, "behind"},
		{"application/json", `{}`, 400, `no \"data\"`},
		{"application/json", `[]`, 400, "not the JSON"},
		{"application/json", `{"data":1,"dta":2}`, 400, "dta"},
		{"application/json", `{"data":"\ud800"}`, 400, "surrogate"},
		{"application/json", "{\"data\":\"\xff\"}", 400, "UTF-8"},
		{"text/plain", "\xff", 400, "UTF-8"},
		{"application/json", `{"event":"a\nb","data":1}`, 400, "the field event contains"},
		{"application/json", `{"event":"a\u0000b","data":1}`, 400, "the field event contains"},
		{"application/json", `{"event":"connections","data":1}`, 400, "hub's own"},
		{"application/json", `{"event":"` + strings.Repeat("x", 257) + `","data":1}`, 400, "name has 257 bytes"},
		{"text/plain", strings.Repeat("x", 64*kilobyte+1), 413, "65537"},
	} {
		host := newHost(t)
		client := host.Subscribe(events)
		res := host.Post(events, c.contentType, c.body)
		assert.Equal(t, c.status, res.Status, "%s %.40s", c.contentType, c.body)
		assert.Contains(t, string(res.Body), c.detail, "%s %.40s", c.contentType, c.body)
		assert.Equal(t, "application/problem+json", res.Header.Get("content-type"))
		assert.Equal(t, "*", res.Header.Get("access-control-allow-origin"))
		assert.Len(t, client.Events(), 1)
	}
	host := newHost(t)
	assert.Equal(t, 200, host.Post(events, "text/plain", strings.Repeat("x", 64*kilobyte)).Status)
	r := actortest.Request("POST", events, "text/plain", "x")
	r.BodyTruncated = true
	assert.Equal(t, 413, host.Do(r).Status)
}

// N clients that connect together hear of each other far less than N² times.
func TestConnectionsAreCoalesced(t *testing.T) {
	host := newHost(t)
	clients := make([]*actortest.Client, 200)
	for i := range clients {
		clients[i] = host.Subscribe(events)
		host.Advance(time.Millisecond)
	}
	host.Advance(2 * time.Second)
	count := func() (n int, last string) {
		for _, c := range clients {
			for _, e := range c.Events() {
				if e.Name == "connections" {
					n, last = n+1, e.Data
				}
			}
		}
		return n, last
	}
	n, last := count()
	assert.Equal(t, `{"size":200}`, last)
	assert.Less(t, n, 1000)
	for _, c := range clients[:150] {
		c.Leave()
	}
	host.Advance(2 * time.Second)
	after, last := count()
	assert.Equal(t, `{"size":50}`, last)
	assert.Equal(t, 50, after-n)
}

// The timer of an announcement is lost with the instance; the announcement is not.
func TestConnectionsAfterLoss(t *testing.T) {
	host := newHost(t)
	client := host.Subscribe(events)
	host.Lose()
	host.Get("/hubs/a")
	host.Advance(time.Second)
	client.Next()
	assert.Equal(t, `{"size":1}`, client.Next().Data)
}

func TestRoute(t *testing.T) {
	host := newHost(t)
	do := func(method, path string) *actor.Response { return host.Do(actortest.Request(method, path, "", "")) }

	res := do("DELETE", events)
	assert.Equal(t, 405, res.Status)
	assert.Equal(t, "GET, HEAD, POST, OPTIONS", res.Header.Get("allow"))
	assert.Equal(t, "GET, HEAD, OPTIONS", do("POST", "/hubs/a").Header.Get("allow"))
	assert.Equal(t, 404, do("GET", "/hubs/a/other").Status)
	assert.Equal(t, 400, do("GET", "/hubs/%zz/events").Status)

	res = do("OPTIONS", events)
	assert.Equal(t, 204, res.Status)
	assert.Equal(t, "GET, HEAD, POST, OPTIONS", res.Header.Get("allow"))
	r := actortest.Request("OPTIONS", events, "", "")
	r.Header.Add("access-control-request-method", "POST")
	res = host.Do(r)
	assert.Equal(t, http.StatusNoContent, res.Status)
	assert.Equal(t, "GET, HEAD, POST, OPTIONS", res.Header.Get("access-control-allow-methods"))
	assert.Contains(t, res.Header.Get("access-control-allow-headers"), "Content-Type")
}

// Whatever is published, it is refused, or every subscriber sees exactly it.
func FuzzPublish(f *testing.F) {
	f.Add("application/json", "", `{"event":"a","data":{"b":[1,2]}}`)
	f.Add("text/plain", "event=x", "a\rb")
	f.Add("application/json", "", `{"data":"`+strings.Repeat(`\u0000`, 100)+`"}`)
	f.Fuzz(func(t *testing.T, contentType, query, body string) {
		host := newHost(t)
		client := host.Subscribe(events)
		r := actortest.Request("POST", events, contentType, body)
		r.RawQuery = query
		res := host.Do(r)
		assert.Less(t, res.Status, 500, "%s", res.Body)
		if res.Status == 200 {
			assert.Len(t, client.Events(), 2)
		} else {
			assert.Len(t, client.Events(), 1)
		}
	})
}
