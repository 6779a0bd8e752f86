package actor_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/actortest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// snapshotHub answers gaps.
type snapshotHub struct{}

func (snapshotHub) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	switch {
	case r.Rest == "/events":
		return t.Subscribe(r, actor.SubscribeOptions{})
	case r.Rest == "/once":
		id, repeated, err := t.PublishOnce(r.RawQuery, actor.Event{Data: string(r.Body)})
		return actor.Text(200, fmt.Sprint(id, " ", repeated)), err
	case r.Rest == "/bye":
		for s := range t.Sessions() {
			if err := t.Goodbye(s, "maintenance", false); err != nil {
				return nil, err
			}
		}
		return &actor.Response{}, nil
	}
	id, err := t.Publish(actor.Event{Data: string(r.Body)})
	return actor.Text(200, id), err
}

func (snapshotHub) Join(t *actor.Turn, s *actor.Session) error {
	return t.Send(s, actor.Event{Name: "hello", Data: s.Resumed()})
}

func (snapshotHub) Gap(t *actor.Turn, s *actor.Session, gap actor.Gap) error {
	return t.Send(s, actor.Event{Name: "snapshot", Data: gap.To})
}

func newSnapshotHost(t *testing.T, change func(*actor.Class)) *actortest.Host {
	class := actor.Class{Name: "Hub", Path: "/h/", New: func() actor.Hub { return snapshotHub{} }}
	if change != nil {
		change(&class)
	}
	return actortest.New(t, actor.Program{Classes: []actor.Class{class}})
}

func publishN(host *actortest.Host, n int) (ids []string) {
	for i := range n {
		ids = append(ids, string(host.Post("/h/a/publish", "", fmt.Sprint("event ", i+1)).Body))
	}
	return ids
}

// data returns the data of the events that are the hub's log's.
func data(c *actortest.Client) (got []string) {
	for _, e := range c.Events() {
		if e.Name == "message" {
			got = append(got, e.Data)
		}
	}
	return got
}

func TestResume(t *testing.T) {
	host := newSnapshotHost(t, nil)
	ids := publishN(host, 250)
	for _, c := range []struct {
		from  string
		first int // of the events that are replayed
	}{
		{ids[0], 2}, {ids[99], 101}, {ids[248], 250}, {ids[249], 251}, {"earliest", 1}, {"latest", 251}, {"", 251},
		{strings.TrimSuffix(ids[0], "1") + "0", 1},
	} {
		client := host.Subscribe("/h/a/events?last_event_id=" + c.from)
		var want []string
		for i := c.first; i <= 250; i++ {
			want = append(want, fmt.Sprint("event ", i))
		}
		assert.Equal(t, want, data(client), "from %q", c.from)
		assert.Equal(t, actor.Event{Name: "hello", Data: c.from}, client.Events()[0], "from %q", c.from)
		assert.True(t, strings.HasPrefix(client.Wire(), "retry: 2000\n\n"))
		client.Leave()
	}
}

// What is published while a client catches up comes behind what it missed, once.
func TestPublishDuringReplay(t *testing.T) {
	for name, disturb := range map[string]func(*actortest.Host){
		"":        func(*actortest.Host) {},
		"lost":    func(h *actortest.Host) { h.Lose() },
		"evicted": func(h *actortest.Host) { h.Evict(actor.Address{Class: "Hub", Name: "a"}) },
	} {
		t.Run(name, func(t *testing.T) {
			host := newSnapshotHost(t, nil)
			publishN(host, 250)
			live := host.Subscribe("/h/a/events")
			r := actortest.Request("GET", "/h/a/events", "", "")
			r.Header.Set("Last-Event-ID", "earliest")
			client := host.SubscribeStalled(r)
			require.Less(t, len(data(client)), 250, "the replay was not sent in slices")
			publishN(host, 1)
			disturb(host)
			publishN(host, 1)
			client.Unstall()
			publishN(host, 1)
			got := data(client)
			require.Len(t, got, 253)
			for i := range 250 {
				assert.Equal(t, fmt.Sprint("event ", i+1), got[i])
			}
			assert.Equal(t, []string{"event 1", "event 1", "event 1"}, got[250:])
			assert.Len(t, data(live), 3)
		})
	}
}

func TestGap(t *testing.T) {
	host := newSnapshotHost(t, func(c *actor.Class) { c.Log.Count = 10 })
	host.Advance(time.Hour)
	ids := publishN(host, 30)
	epoch := strings.TrimSuffix(ids[0], "1")
	for _, c := range []struct{ from, reason string }{
		{ids[0], "expired"}, {ids[18], "expired"}, {epoch + "31", "unknown"}, {"other-3", "epoch"},
		{"nonsense", "malformed"}, {epoch, "malformed"}, {epoch + "-1", "malformed"}, {epoch + "01", "malformed"},
	} {
		client := host.Subscribe("/h/a/events?last_event_id=" + c.from)
		events := client.Events()
		require.Len(t, events, 3, "from %q", c.from)
		assert.Equal(t, actor.Event{Name: "gap", Data: fmt.Sprintf(`{"reason":%q,"from":%q,"to":%q}`, c.reason, c.from, ids[29])}, events[1])
		assert.Equal(t, actor.Event{Name: "snapshot", Data: ids[29]}, events[2])
		assert.NotContains(t, client.Wire(), "id:", "a gap must not change the client's last event id")
		client.Leave()
	}
	client := host.Subscribe("/h/a/events?last_event_id=" + ids[19])
	assert.Len(t, data(client), 10)
	assert.Len(t, data(host.Subscribe("/h/a/events?last_event_id=earliest")), 10)

	host.Advance(25 * time.Hour)
	client = host.Subscribe("/h/a/events?last_event_id=" + ids[25])
	assert.Equal(t, "gap", client.Events()[1].Name, "the events are too old to be kept")
	empty := host.Subscribe("/h/b/events?last_event_id=" + ids[25])
	assert.Equal(t, `{"reason":"epoch","from":"`+ids[25]+`","to":""}`, empty.Events()[1].Data)
}

// Events that leave the log while a slow client is being sent them are a gap, not a hole.
func TestGapDuringReplay(t *testing.T) {
	host := newSnapshotHost(t, func(c *actor.Class) { c.Log.Count = 200 })
	publishN(host, 200)
	client := host.SubscribeStalled(actortest.Request("GET", "/h/a/events?last_event_id=earliest", "", ""))
	sent := len(data(client))
	last := publishN(host, 200)[199]
	client.Unstall()
	assert.Len(t, data(client), sent)
	events := client.Events()
	assert.Equal(t, "snapshot", events[len(events)-1].Name)
	assert.Contains(t, events[len(events)-2].Data, `"reason":"expired"`)
	assert.Contains(t, events[len(events)-2].Data, `"to":"`+last+`"`)
	publishN(host, 1)
	assert.Len(t, data(client), sent+1)
}

func TestPublishOnce(t *testing.T) {
	host := newSnapshotHost(t, func(c *actor.Class) { c.Log.Count = 5 })
	client := host.Subscribe("/h/a/events")
	first := string(host.Post("/h/a/once?key", "", "one").Body)
	id, _ := strings.CutSuffix(first, " false")
	host.Lose()
	assert.Equal(t, id+" true", string(host.Post("/h/a/once?key", "", "two").Body))
	assert.Equal(t, []string{"one"}, data(client))
	publishN(host, 5) // the first event leaves the log, and its key with it
	assert.Contains(t, string(host.Post("/h/a/once?key", "", "three").Body), " false")
	assert.Equal(t, 500, host.Post("/h/a/once?"+strings.Repeat("x", 257), "", "").Status)
}

func TestMaxAge(t *testing.T) {
	host := newSnapshotHost(t, nil)
	clients := make([]*actortest.Client, 50)
	ended := func() (n int) {
		for _, c := range clients {
			if c.Ended() {
				n++
			}
		}
		return n
	}
	for i := range clients {
		clients[i] = host.Subscribe("/h/a/events")
	}
	host.Advance(9*time.Minute - time.Second)
	assert.Zero(t, ended())
	host.Lose() // the timer goes with the instance; the ages do not
	publishN(host, 1)
	host.Advance(time.Minute)
	assert.Greater(t, ended(), 5, "they all end late")
	assert.Less(t, ended(), 45, "they all end at once")
	host.Advance(time.Minute + time.Second)
	assert.Equal(t, 50, ended())
	for _, c := range clients {
		events := c.Events()
		assert.Equal(t, actor.Event{ID: events[len(events)-1].ID, Name: "goodbye", Data: `{"reason":"age","reconnect":true}`}, events[len(events)-1])
	}

	host = newSnapshotHost(t, func(c *actor.Class) { c.MaxAge = -1 })
	client := host.Subscribe("/h/a/events")
	host.Advance(1000 * time.Hour)
	assert.False(t, client.Ended())
}

func TestGoodbye(t *testing.T) {
	host := newSnapshotHost(t, nil)
	client := host.Subscribe("/h/a/events")
	host.Post("/h/a/bye", "", "")
	assert.True(t, client.Ended())
	assert.Equal(t, `{"reason":"maintenance","reconnect":false}`, client.Events()[1].Data)
}

func TestMaxSessions(t *testing.T) {
	host := newSnapshotHost(t, func(c *actor.Class) { c.MaxSessions = 2 })
	host.Subscribe("/h/a/events")
	second := host.Subscribe("/h/a/events")
	res := host.Get("/h/a/events")
	assert.Equal(t, 503, res.Status)
	assert.Equal(t, "5", res.Header.Get("Retry-After"))
	second.Leave()
	host.Subscribe("/h/a/events")
}
