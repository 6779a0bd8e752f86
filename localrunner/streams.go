package localrunner

import (
	"context"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
)

var heartbeat = []byte(abi.Heartbeat)

// open makes the session whose stream the hub has opened.
func (h *hub) open(id string) *session {
	s := newSession(h, id)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.sessions[id] = s
	if h.heartbeat == nil {
		h.scheduleHeartbeat()
	}
	return s
}

// scheduleHeartbeat sends one after the class's interval, and schedules the next, while there are sessions. The caller
// holds mu.
func (h *hub) scheduleHeartbeat() {
	h.heartbeat = h.runner.opts.Clock.AfterFunc(h.class.Heartbeat, func() {
		h.send("", heartbeat)
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.heartbeat = nil; len(h.sessions) > 0 {
			h.scheduleHeartbeat()
		}
	})
}

// gone is called once for each session, when its stream has ended.
func (h *hub) gone(s *session, reason actor.LeaveReason) {
	h.mu.Lock()
	delete(h.sessions, s.id)
	if len(h.sessions) == 0 && h.heartbeat != nil {
		h.heartbeat()
		h.heartbeat = nil
	}
	h.mu.Unlock()
	h.post(&job{in: &actor.Input{Kind: actor.InputLeave, Hub: h.addr, Session: s.id, Reason: reason}})
}

// endStreams ends all streams behind last.
func (h *hub) endStreams(last []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.sessions {
		s.send(last)
		s.close(actor.LeaveClosed)
	}
}

// sleep forgets the hub if nothing keeps it awake, and reports whether it did.
func (h *hub) sleep() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	idle := h.runner.opts.Clock.Now().Sub(h.lastTurn)
	if h.running || len(h.sessions) > 0 || idle < actor.IdleTimeout {
		return false
	}
	// Not running: the fields of its goroutine are nobody's now, and post must not start it meanwhile.
	if len(h.timers) > 0 {
		return false
	}
	h.dead = true
	if err := h.db.Close(); err != nil {
		h.runner.opts.Log.Error("storage failed", "hub", h.addr.String(), "err", err)
	}
	return true
}

// retire waits until the hub's turns have run, and lets no more be queued.
func (h *hub) retire(ctx context.Context) {
	h.mu.Lock()
	if h.heartbeat != nil {
		h.heartbeat()
	}
	if !h.running {
		h.dead = true
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
