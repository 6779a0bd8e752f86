package localrunner

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"strconv"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
)

var heartbeat = chunk{data: []byte(abi.Heartbeat), ephemeral: true, silent: true}

// shutdownHint tells a client to come back in 1 to 5 seconds: not all at once.
func (r *Runner) shutdownHint() []byte {
	var b [2]byte
	_, _ = io.ReadFull(r.opts.Rand, b[:]) // without randomness all come back after a second
	wait := 1000 + int(binary.LittleEndian.Uint16(b[:]))%4001
	return append(strconv.AppendInt([]byte("retry: "), int64(wait), 10), "\n\n"...)
}

// open makes the session whose stream the hub has opened.
func (h *hub) open(id string) *session {
	s := newSession(h, id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[id] = s
	switch {
	case h.ending:
		s.end(h.runner.shutdownHint())
	case h.heartbeat == nil:
		h.scheduleHeartbeat()
	}
	return s
}

// scheduleHeartbeat sends one after the class's interval, and schedules the next, while there are sessions. The caller
// holds mu.
func (h *hub) scheduleHeartbeat() {
	t := &timer{}
	h.heartbeat = t
	t.stop = h.runner.opts.Clock.AfterFunc(h.class.Heartbeat, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.heartbeat == t { // else it was stopped too late
			for _, s := range h.sessions {
				s.check(h.class.Heartbeat)
			}
			h.sendAll(heartbeat, nil)
			h.scheduleHeartbeat()
		}
	})
}

// stopHeartbeat is for a caller that holds mu.
func (h *hub) stopHeartbeat() {
	if h.heartbeat != nil {
		h.heartbeat.stop()
		h.heartbeat = nil
	}
}

// gone is called once for each session, when its stream has ended.
func (h *hub) gone(s *session, reason actor.LeaveReason) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.sessions, s.id)
	if len(h.sessions) == 0 {
		h.stopHeartbeat()
	}
	// With mu held throughout, for else the hub could fall asleep before it has heard of it.
	h.enqueue(&job{in: &actor.Input{Kind: actor.InputLeave, Hub: h.addr, Session: s.id, Reason: reason}})
}

// endStreams ends all streams, and those that turns still open, with a hint to come back.
func (h *hub) endStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ending = true
	for _, s := range h.sessions {
		s.end(h.runner.shutdownHint())
	}
}

// cutStreams ends the streams whose clients did not take the end.
func (h *hub) cutStreams() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		s.abort()
	}
}

// sleep has the runner forget the hub, unless something keeps it awake.
func (h *hub) sleep() {
	h.mu.Lock()
	idle := h.runner.opts.Clock.Now().Sub(h.lastTurn)
	// When it is not running, the fields of its goroutine are nobody's.
	if h.dead || h.running || len(h.sessions) > 0 || idle < actor.IdleTimeout || len(h.timers) > 0 {
		h.mu.Unlock()
		return
	}
	h.runner.busy.add(1)
	h.running = true // so that what is posted waits until the database is closed, which takes its time
	h.mu.Unlock()
	if err := h.db.Close(); err != nil {
		h.storageFailed(err)
	}
	h.runner.mu.Lock()
	defer h.runner.mu.Unlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.queue) > 0 {
		go h.loop()
		return
	}
	h.running = false
	h.runner.busy.add(-1)
	h.die()
	delete(h.runner.hubs, h.addr)
	h.runner.store.Forget(h.db)
}

// retire waits until the hub's turns have run, and lets no more be queued.
func (h *hub) retire(ctx context.Context) {
	h.mu.Lock()
	h.stopHeartbeat()
	if !h.running {
		h.die()
		h.mu.Unlock()
		return
	}
	drained := make(chan struct{})
	h.drained = drained
	h.mu.Unlock()
	select {
	case <-drained:
	case <-ctx.Done():
	}
}

// storageFailed tells the operator. That the storage is closed is no news: a shutdown did not wait.
func (h *hub) storageFailed(err error) {
	if !errors.Is(err, storage.ErrClosed) {
		h.runner.opts.Log.Error("storage failed", "hub", h.addr.String(), "err", err)
	}
}
