package runnertest_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner"
	"github.com/hubbub-edge/hubbub/localrunner/runnertest"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What the hubs of the app promise, with the time and the faults that it takes to see it.

func TestMaxAgeAndResume(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	clients := []*runnertest.Client{r.Subscribe(events("a")), r.Subscribe(events("a")), r.Subscribe(events("a"))}
	var published []string
	for minute := range 35 {
		data := fmt.Sprint("minute ", minute)
		published = append(published, data)
		publish(t, r, "a", data)
		r.Advance(time.Minute)
	}
	ends := map[time.Time]bool{}
	for i, c := range clients {
		require.True(t, c.Ended())
		assert.False(t, c.Aborted(), "it came to its end")
		all := c.Events()
		last := all[len(all)-1]
		assert.Equal(t, "goodbye", last.Name)
		assert.JSONEq(t, `{"reason":"age","reconnect":true}`, last.Data)
		assert.False(t, last.HasID)
		age := last.At.Sub(all[0].At)
		assert.InDelta(t, actor.DefaultMaxAge.Seconds(), age.Seconds(), actor.DefaultMaxAge.Seconds()/10+1)
		ends[last.At] = true

		got := c.Messages()
		for again := c.Resume(); ; again = again.Resume() {
			got = append(got, again.Messages()...)
			clients[i] = again
			if len(got) == len(published) {
				break
			}
		}
		assert.Equal(t, published, got, "none twice, none missing, in order")
	}
	assert.Greater(t, len(ends), 1, "they do not all end at once")
	assert.Equal(t, 3, infoOf(t, r, "a").Sessions)
}

func TestMaxAgeOutlivesALostInstance(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"MAX_AGE": "1m"}})
	c := r.Subscribe(events("a"))
	r.Advance(30 * time.Second)
	r.KillInstance()
	publish(t, r, "a", "x") // notices it
	r.Advance(20 * time.Second)
	assert.Empty(t, named(c, "goodbye"))
	r.Advance(17 * time.Second)
	assert.Len(t, named(c, "goodbye"), 1)
	assert.True(t, c.Ended())
}

func TestHeartbeats(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"HEARTBEAT": "5s", "MAX_AGE": "0"}})
	c := r.Subscribe(events("a"))
	r.Advance(5*time.Second - 1)
	assert.Zero(t, c.Comments())
	r.Advance(1)
	assert.Equal(t, 1, c.Comments())
	r.Advance(time.Hour)
	assert.Equal(t, 721, c.Comments())
	assert.False(t, c.Ended(), "it lasts for ever")
}

func TestLogAge(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"LOG_AGE": "1h"}})
	var ids []string
	for i := range 3 {
		ids = append(ids, publish(t, r, "a", fmt.Sprint("event ", i)))
		r.Advance(25 * time.Minute)
	}
	resume := func(id string) *runnertest.Client { return r.Subscribe(events("a") + "?last_event_id=" + id) }
	c := resume(ids[0])
	assert.Equal(t, []string{"event 1", "event 2"}, c.Messages())
	assert.Empty(t, named(c, "gap"))

	r.Advance(20 * time.Minute) // event 1 is 70 minutes old now
	c = resume(ids[0])
	assert.Empty(t, c.Messages())
	gaps := named(c, "gap")
	require.Len(t, gaps, 1)
	assert.JSONEq(t, fmt.Sprintf(`{"reason":"expired","from":%q,"to":%q}`, ids[0], ids[2]), gaps[0])
	publish(t, r, "a", "live")
	assert.Equal(t, []string{"live"}, c.Messages())
	assert.Equal(t, []string{"event 2", "live"}, resume("earliest").Messages())
}

func TestIdleHubSleeps(t *testing.T) {
	tr := &trace{}
	r := runnertest.New(t, runnertest.Options{Storage: t.TempDir(), Trace: tr.add})
	first := publish(t, r, "idle", "one")
	busy := r.Subscribe(events("busy"))
	wakes := tr.count(actor.InputWake)
	r.Advance(3 * actor.IdleTimeout)
	assert.Equal(t, "2", seq(publish(t, r, "idle", "two")))
	assert.Equal(t, wakes+1, tr.count(actor.InputWake), "it slept")
	publish(t, r, "busy", "x")
	assert.Equal(t, wakes+1, tr.count(actor.InputWake), "with a session it did not")
	assert.Len(t, busy.Messages(), 1)
	assert.Equal(t, []string{"two"}, r.Subscribe(events("idle")+"?last_event_id="+first).Messages())
}

func TestStorageFailure(t *testing.T) {
	for _, kind := range []struct {
		err    error
		status int
	}{{localrunner.ErrStorageFull, 507}, {localrunner.ErrStorageIO, 503}} {
		// The first event takes three writes, with its idempotency key, and a commit; the others two and a commit.
		for nth := 1; nth <= 7; nth++ {
			t.Run(fmt.Sprint(kind.status, " at ", nth), func(t *testing.T) {
				r := runnertest.New(t, runnertest.Options{Storage: t.TempDir()})
				c := r.Subscribe(events("a"))
				post := func(key string) (int, string) {
					req := runnertest.Request("POST", events("a"), "text/plain", key)
					req.Header.Set("Idempotency-Key", key)
					res := r.Do(req)
					var v struct{ ID string }
					assert.NoError(t, json.Unmarshal([]byte(res.Body), &v))
					return res.Status, v.ID
				}
				r.FailStorage(nth, kind.err)
				var acked, last []string
				failed := 0
				for i := range 4 {
					key := fmt.Sprint("key ", i)
					status, id := post(key)
					if status != 200 {
						assert.Equal(t, kind.status, status)
						failed++
						i := infoOf(t, r, "a")
						assert.Equal(t, 1, i.Sessions, "the hub is readable")
						assert.Equal(t, last, append([]string(nil), nonEmpty(i.LastEventID)...), "and has nothing of the event")
						// The key is not half-written: the same event can be published now.
						status, id = post(key)
						require.Equal(t, 200, status)
					}
					acked, last = append(acked, key), []string{id}
					assert.Equal(t, fmt.Sprint(i+1), seq(id), "there is no hole")
				}
				assert.Equal(t, 1, failed)
				assert.Equal(t, acked, c.Messages())
				assert.Equal(t, acked, r.Subscribe(events("a")+"?last_event_id=earliest").Messages())
			})
		}
	}
}

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func TestStorageThatStaysFull(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{Storage: t.TempDir()})
	c := r.Subscribe(events("a"))
	publish(t, r, "a", "one")
	r.FailStorageFrom(1, localrunner.ErrStorageFull)
	for range 3 {
		res := r.Post(events("a"), "text/plain", "lost")
		assert.Equal(t, 507, res.Status)
		assert.Equal(t, "application/problem+json", res.Header.Get("Content-Type"))
		assert.Equal(t, []string{"one"}, r.Subscribe(events("a")+"?last_event_id=earliest").Messages(), "readable")
		r.Advance(time.Minute)
	}
	r.HealStorage()
	assert.Equal(t, "2", seq(publish(t, r, "a", "two")))
	assert.Equal(t, []string{"one", "two"}, c.Messages())
}

// TestFaultDuringAReplay: whatever happens to the hub between two slices.
func TestFaultDuringAReplay(t *testing.T) {
	faults := map[string]func(r *runnertest.Runner){
		"kill":           (*runnertest.Runner).KillInstance,
		"evict":          func(r *runnertest.Runner) { r.Evict("Hub", "a") },
		"evict and kill": func(r *runnertest.Runner) { r.Evict("Hub", "a"); r.KillInstance() },
	}
	for name, fault := range faults {
		t.Run(name, func(t *testing.T) {
			r := runnertest.New(t, runnertest.Options{Vars: map[string]string{"MAX_AGE": "0"}})
			want := publishMany(t, r, "a", 450) // five slices
			live := r.Subscribe(events("a"))
			c := r.Open(runnertest.Request("GET", events("a")+"?last_event_id=earliest", "", ""),
				runnertest.OpenOptions{Stalled: true})
			sizes := map[int]bool{}
			for step := 0; len(c.Messages()) < 400; step++ {
				require.Less(t, step, 100, "the replay does not go on")
				fault(r)
				if step%2 == 1 { // half of the time somebody else wakes it
					data := fmt.Sprint("during the replay ", step)
					want = append(want, data)
					publish(t, r, "a", data)
				}
				c.Step()
				sizes[len(c.Messages())] = true
			}
			c.Unstall()
			want = append(want, "behind it")
			publish(t, r, "a", "behind it")
			assert.Equal(t, want, c.Messages(), "none twice, none missing, in order")
			assert.Greater(t, len(sizes), 3, "it was sent in slices")
			assert.Equal(t, want[450:], live.Messages())
			assert.Empty(t, named(c, "gap"))
			assert.False(t, c.Ended())
		})
	}
}
