package localrunner

import (
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// interval is the heartbeat of the suite's program without a var that says otherwise.
const interval = actor.DefaultHeartbeat

func TestHeartbeatOncePerInterval(t *testing.T) {
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock})
	sub, other := s.subscribe("a"), s.subscribe("a")
	for i := range 3 {
		clock.Advance(interval - time.Nanosecond)
		s.publish("a", "before")
		clock.Advance(time.Nanosecond)
		s.publish("a", "after")
		for _, sub := range []*subscriber{sub, other} {
			assert.Zero(t, sub.commentsBefore("before"), "interval %d", i)
			assert.Equal(t, 1, sub.commentsBefore("after"), "interval %d", i)
		}
	}
	clock.Advance(5 * interval)
	s.publish("a", "end")
	assert.Equal(t, 5, sub.commentsBefore("end"))
}

func TestHeartbeatStopsWithTheLastSession(t *testing.T) {
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock})
	s.subscribe("a").leave()
	s.waitSessions("a", 0)
	assert.Zero(t, clock.Pending(interval))

	sub := s.subscribe("a")
	require.Equal(t, 1, clock.FireStopped(interval), "a heartbeat that was stopped when it was already due")
	s.publish("a", "now")
	assert.Zero(t, sub.commentsBefore("now"))
	clock.Advance(2 * interval)
	s.publish("a", "later")
	assert.Equal(t, 2, sub.commentsBefore("later"))
}

func TestConnectionsAreCoalesced(t *testing.T) {
	clock := newFakeClock()
	s := serve(t, Options{Clock: clock})
	subs := make([]*subscriber, 20)
	for i := range subs {
		subs[i] = s.subscribe("a")
	}
	s.publish("a", "mark")
	for _, sub := range subs {
		assert.Equal(t, "mark", sub.next().Event.Data, "nothing is announced before the timer")
	}
	clock.Advance(time.Second)
	for _, sub := range subs {
		e := sub.next().Event
		assert.Equal(t, "connections", e.Name)
		assert.JSONEq(t, `{"size":20}`, e.Data)
	}
	subs[0].leave()
	s.waitSessions("a", 19)
	clock.Advance(time.Second)
	assert.JSONEq(t, `{"size":19}`, subs[1].next().Event.Data)
}

func TestIdleHubIsForgotten(t *testing.T) {
	clock := newFakeClock()
	dir := t.TempDir()
	s := serve(t, Options{Clock: clock, Storage: dir})
	log := filepath.Join(dir, "+hub", "idle.sqlite-wal")
	assert.Equal(t, "1", seq(s.publish("idle", "one")))
	assert.FileExists(t, log)
	sub := s.subscribe("busy")

	clock.Advance(actor.IdleTimeout - time.Nanosecond)
	assert.NotNil(t, s.awake("idle"))
	clock.Advance(time.Nanosecond)
	assert.Nil(t, s.awake("idle"))
	_, err := os.Stat(log)
	assert.ErrorIs(t, err, os.ErrNotExist, "the connection is closed")
	assert.NotNil(t, s.awake("busy"), "it has a session")

	assert.Equal(t, "2", seq(s.publish("idle", "two")))
	s.publish("busy", "here")
	assert.Equal(t, "here", sub.message().Data)
	clock.Advance(2 * actor.IdleTimeout)
	assert.Nil(t, s.awake("idle"))
	assert.Equal(t, "2", seq(s.info("idle").LastEventID))
}

func seq(id string) string {
	_, seq, _ := strings.Cut(id, "-")
	return seq
}

func TestLeavingIsNoticedAtOnce(t *testing.T) {
	s := serve(t, Options{Clock: newFakeClock()}) // in which no heartbeat ever comes
	sub, stays := s.subscribe("a"), s.subscribe("a")
	sub.leave()
	s.waitSessions("a", 1)
	s.publish("a", "still here")
	assert.Equal(t, "still here", stays.message().Data)
}

func TestSlowReaderIsCut(t *testing.T) {
	s := serve(t, Options{})
	fast := s.subscribe("a")
	res, err := s.http.Get(s.url + "/hubs/a/events") // read no further than its head
	require.NoError(t, err)
	defer res.Body.Close()
	require.Equal(t, 2, s.info("a").Sessions)

	data := strings.Repeat("x", 60<<10)
	limit := s.classes["Hub"].SessionBuffer
	n := 0
	for s.info("a").Sessions == 2 {
		require.Less(t, n, 500, "the slow reader is not cut")
		s.publish("a", data)
		n++
		assert.LessOrEqual(t, waiting(s.awake("a")), limit)
		assert.Len(t, fast.message().Data, len(data))
	}
	read, err := io.Copy(io.Discard, res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF, "a stream that is cut does not end like one that is complete")
	assert.Less(t, read, int64(n*len(data)))
	s.publish("a", "the others notice nothing")
	assert.Equal(t, "the others notice nothing", fast.message().Data)
}

// waiting is the most that waits for one of the hub's sessions.
func waiting(h *hub) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		s.mu.Lock()
		n = max(n, s.waiting)
		s.mu.Unlock()
	}
	return n
}

func TestStreamHead(t *testing.T) {
	s := serve(t, Options{})
	res, err := s.http.Head(s.url + "/hubs/a/events")
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, 200, res.StatusCode)
	assert.Equal(t, "text/event-stream; charset=utf-8", res.Header.Get("Content-Type"))
	assert.Zero(t, s.info("a").Sessions)
}

// TestWriterThatPanics: nobody but the handler knows that the session has ended.
func TestWriterThatPanics(t *testing.T) {
	s := serve(t, Options{})
	req, err := http.NewRequestWithContext(t.Context(), "GET", "/hubs/a/events", nil)
	require.NoError(t, err)
	assert.Panics(t, func() { s.ServeHTTP(panicWriter{http.Header{}}, req) })
	s.waitSessions("a", 0)
}

type panicWriter struct{ header http.Header }

func (w panicWriter) Header() http.Header       { return w.header }
func (w panicWriter) WriteHeader(int)           {}
func (w panicWriter) Write([]byte) (int, error) { panic("a panic on purpose") }

func TestConnectedIsFirst(t *testing.T) {
	s := serve(t, Options{})
	sub, err := s.trySubscribe("a")
	require.NoError(t, err)
	item := sub.next()
	assert.Equal(t, sse.KindEvent, item.Kind)
	assert.Equal(t, "connected", item.Event.Name)
	assert.False(t, item.Event.HasID)
}
