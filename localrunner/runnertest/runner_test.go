package runnertest_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/runnertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAnswers(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"MAX_DATA": "3"}})
	res := r.Get("/healthz")
	assert.Equal(t, 200, res.Status)
	assert.Equal(t, "ok", strings.TrimSpace(res.Body))
	assert.Equal(t, "*", res.Header.Get("Access-Control-Allow-Origin"))
	assert.Equal(t, 413, r.Post(events("a"), "text/plain", "four").Status)
	assert.Equal(t, 204, r.Do(runnertest.Request("OPTIONS", events("a"), "", "")).Status)
	assert.Equal(t, 200, r.Do(runnertest.Request("HEAD", events("a"), "", "")).Status)
	assert.Equal(t, time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), r.Now())
}

func TestClient(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	c := r.Subscribe(events("a"))
	assert.Equal(t, "text/event-stream; charset=utf-8", c.Header().Get("Content-Type"))
	assert.Equal(t, actor.DefaultRetry, c.Retry())
	assert.Len(t, c.Session(), 32)
	r.Advance(time.Second)
	id := publish(t, r, "a", "one\ntwo")
	want := []runnertest.Event{
		{Name: "connected", Data: fmt.Sprintf(`{"session":%q,"hub":"a"}`, c.Session()), At: r.Now().Add(-time.Second)},
		{Name: "connections", Data: `{"size":1}`, At: r.Now().Add(-time.Second + 51*time.Millisecond)},
		{ID: id, HasID: true, Name: "message", Data: "one\ntwo", At: r.Now()},
	}
	assert.Equal(t, want, c.Events(), "nothing needs to be waited for")
	for _, e := range want {
		assert.Equal(t, e, c.Next(t))
	}
	assert.Equal(t, id, c.LastEventID())
	assert.Equal(t, []string{"one\ntwo"}, c.Messages())

	assert.False(t, c.Ended())
	c.Close()
	assert.True(t, c.Ended())
	assert.Zero(t, infoOf(t, r, "a").Sessions, "leaving is noticed at once")
	c.Close() // again
}

func TestServerOnTheLoopback(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	c := r.Subscribe(events("a"))
	assert.Equal(t, r.URL(), r.URL())
	published := make(chan error, 1)
	go func() {
		res, err := http.Post(r.URL()+events("a"), "text/plain", strings.NewReader("from afar"))
		if err == nil {
			res.Body.Close()
		}
		published <- err
	}()
	assert.Equal(t, "from afar", c.Message(t).Data)
	require.NoError(t, <-published)
	http.DefaultClient.CloseIdleConnections()
}

func TestStall(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"SESSION_BUFFER": "550000"}})
	slow, fast := r.Subscribe(events("a")), r.Subscribe(events("a"))
	slow.Stall()
	data := strings.Repeat("x", 65_000) // eight of them fit
	for range 8 {
		publish(t, r, "a", data)
	}
	assert.Empty(t, slow.Messages())
	assert.Equal(t, 2, infoOf(t, r, "a").Sessions, "that much may wait")
	slow.Step()
	assert.Len(t, slow.Messages(), 8)
	for range 8 {
		publish(t, r, "a", data)
	}
	assert.Equal(t, 2, infoOf(t, r, "a").Sessions, "there was room again")
	publish(t, r, "a", data)
	assert.Equal(t, 1, infoOf(t, r, "a").Sessions, "it is cut")
	assert.True(t, slow.Ended())
	assert.True(t, slow.Aborted())
	assert.Len(t, fast.Messages(), 17)
	assert.Len(t, slow.Messages(), 8)
	slow = slow.Resume()
	assert.Len(t, slow.Messages(), 9)

	slow.Stall()
	publish(t, r, "a", "short")
	assert.Len(t, slow.Messages(), 9)
	slow.Unstall()
	assert.Len(t, slow.Messages(), 10)
}

func TestDrop(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	c := r.Subscribe(events("a"))
	r.Advance(time.Second)
	c.Drop()
	assert.Equal(t, 1, infoOf(t, r, "a").Sessions, "nobody has told the runner")
	r.Advance(actor.DefaultHeartbeat - time.Second - 1)
	assert.Equal(t, 1, infoOf(t, r, "a").Sessions)
	r.Advance(1)
	assert.Zero(t, infoOf(t, r, "a").Sessions, "the heartbeat has")
	assert.True(t, c.Ended())

	stalled := r.Subscribe(events("b"))
	stalled.Stall()
	publish(t, r, "b", "waits")
	assert.Equal(t, 1, infoOf(t, r, "b").Sessions)
	stalled.Drop()
	assert.Zero(t, infoOf(t, r, "b").Sessions, "its write has failed")
	assert.Empty(t, stalled.Messages())
}

func TestEvict(t *testing.T) {
	tr := &trace{}
	r := runnertest.New(t, runnertest.Options{Storage: t.TempDir(), Trace: tr.add})
	r.Evict("Hub", "nobody knows it")
	c := r.Subscribe(events("a"))
	publish(t, r, "a", "before")
	wakes := tr.count(actor.InputWake)
	r.Evict("Hub", "a")
	assert.Equal(t, 1, tr.count(actor.InputForget))
	r.Advance(time.Second)
	assert.Empty(t, named(c, "connections"), "its timers are cleared")
	r.Advance(2 * actor.DefaultHeartbeat)
	assert.Equal(t, 2, c.Comments(), "the stream is open")
	assert.Equal(t, wakes, tr.count(actor.InputWake), "heartbeats do not wake it")

	assert.Equal(t, "2", seq(publish(t, r, "a", "after")))
	assert.Equal(t, wakes+1, tr.count(actor.InputWake))
	assert.Equal(t, []string{"before", "after"}, c.Messages())
	assert.Equal(t, 1, infoOf(t, r, "a").Sessions)
	r.Advance(time.Second)
	assert.Equal(t, []string{`{"size":1}`}, named(c, "connections"), "it has set its timer again")
}

func TestKillInstance(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	c, other := r.Subscribe(events("a")), r.Subscribe(events("b"))
	for i := range 3 {
		r.KillInstance()
		assert.Equal(t, fmt.Sprint(i+1), seq(publish(t, r, "a", "x")))
		assert.Equal(t, 1, infoOf(t, r, "b").Sessions)
	}
	assert.Len(t, c.Messages(), 3)
	publish(t, r, "b", "x")
	assert.Len(t, other.Messages(), 1)
}

func TestKillInstanceInATurn(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	c := r.Subscribe(events("a"))
	publish(t, r, "a", "first") // writes the epoch as well
	r.KillInstanceAt(1)
	res := r.Post(events("a"), "text/plain", "lost")
	assert.Equal(t, 503, res.Status, res.Body)
	assert.Equal(t, "2", seq(publish(t, r, "a", "second")))
	r.KillInstanceAt(2)
	assert.Equal(t, "3", seq(publish(t, r, "a", "third")), "its commit goes on")
	assert.Equal(t, "4", seq(publish(t, r, "a", "fourth")))
	assert.Equal(t, []string{"first", "second", "third", "fourth"}, c.Messages())
}

// trace records what New's option is told.
type trace struct {
	turns  []string
	inputs []actor.InputKind
}

func (tr *trace) add(hub actor.Address, input, output []byte) {
	tr.turns = append(tr.turns, fmt.Sprintf("%s\ninput %q\noutput %q", hub, input, output))
	tr.inputs = append(tr.inputs, actor.InputKind(input[0]))
}

func (tr *trace) count(kind actor.InputKind) (n int) {
	for _, k := range tr.inputs {
		if k == kind {
			n++
		}
	}
	return n
}

func TestSameSeedSameTrace(t *testing.T) {
	run := func(seed uint64) []string {
		tr := &trace{}
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			script(t, runnertest.New(t, runnertest.Options{
				Seed: seed, Trace: tr.add, Vars: map[string]string{"LOG_BYTES": "1000000", "SESSION_BUFFER": "550000"},
			}))
		})
		for kind := actor.InputWake; kind <= actor.InputForget; kind++ {
			assert.NotZero(t, tr.count(kind), "the script has no input of kind %d", kind)
		}
		return tr.turns
	}
	first := run(1)
	for range 2 {
		again := run(1)
		for i := range min(len(first), len(again)) {
			require.Equal(t, first[i], again[i], "turn %d of %d", i, len(first))
		}
		require.Len(t, again, len(first))
	}
	assert.NotEqual(t, first, run(2))
}

// script has much happen at once.
func script(t *testing.T, r *runnertest.Runner) {
	var clients []*runnertest.Client
	for range 8 {
		clients = append(clients, r.Subscribe(events("a")), r.Subscribe(events("b")))
	}
	publishMany(t, r, "a", 350)
	for range 3 { // they replay in slices, side by side
		clients = append(clients, r.Open(runnertest.Request("GET", events("a")+"?last_event_id=earliest", "", ""),
			runnertest.OpenOptions{Stalled: true}))
	}
	r.KillInstance()
	for _, c := range clients[16:] {
		c.Step()
	}
	r.Evict("Hub", "a")
	for _, c := range clients[16:] {
		c.Unstall()
	}
	clients[0].Drop()
	clients[2].Drop()
	clients[4].Stall()
	clients[6].Stall()
	r.FailStorage(2, assert.AnError)
	r.Post(events("a"), "text/plain", "fails")
	for range 9 { // two are cut at once
		publish(t, r, "a", strings.Repeat("x", 65_000))
	}
	r.KillInstanceAt(1)
	r.Post(events("b"), "text/plain", "fails")
	r.Advance(20 * time.Minute) // all the others are told to come back
	for i := range clients {
		clients[i] = clients[i].Resume()
	}
	for _, c := range clients {
		c.Close()
	}
	r.Advance(2 * actor.IdleTimeout)
	publish(t, r, "a", "end")
}
