package localrunner

import (
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// session is one open stream. Whoever sends only queues; the stream's own goroutine, that of its request, writes.
type session struct {
	hub  *hub
	id   string
	wake chan struct{}

	mu     sync.Mutex
	queue  queue
	idle   bool         // the stream's goroutine waits for wake, and is not counted as busy
	ending bool         // nothing is queued any more; what is queued is still written
	cut    func()       // breaks a write that hangs; set while the stream is served
	conn   *net.TCPConn // that of the stream while it is served, if it is known
	reason actor.LeaveReason
}

func newSession(h *hub, id string) *session {
	return &session{
		hub:   h,
		id:    id,
		wake:  make(chan struct{}, 1),
		queue: queue{limit: h.class.SessionBuffer, policy: h.class.Slow},
	}
}

// send queues c. When the client is so far behind that it does not fit, the stream is cut: the client comes back and
// resumes.
func (s *session) send(c chunk) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ending:
	case s.queue.add(c):
		s.signal()
	default:
		s.stop(actor.LeaveSlow)
		s.drop()
	}
}

// close ends the stream behind what is queued.
func (s *session) close(reason actor.LeaveReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.stop(reason)
	}
}

// closeGrace is how long a client has to take the rest of a stream that hub code has ended.
const closeGrace = 10 * time.Second

// finish is close for a stream that hub code ends. A client that does not read must not keep it for ever.
func (s *session) finish() {
	s.close(actor.LeaveClosed)
	s.mu.Lock()
	waiting := s.queue.waiting > 0
	s.mu.Unlock()
	if waiting {
		s.hub.runner.opts.Clock.AfterFunc(closeGrace, s.abort)
	}
}

// end ends the stream behind what is queued, and last.
func (s *session) end(last []byte) {
	s.send(chunk{data: last, silent: true})
	s.close(actor.LeaveClosed)
}

// abort ends the stream at once: what is queued is not written any more.
func (s *session) abort() {
	s.close(actor.LeaveClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

// check ends the stream if its peer has vanished.
func (s *session) check(silence time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if vanished(s.conn, silence) {
		if !s.ending {
			s.stop(actor.LeaveGone)
		}
		s.drop()
	}
}

func (s *session) drop() {
	s.queue.empty()
	if s.cut != nil {
		s.cut()
	}
}

func (s *session) stop(reason actor.LeaveReason) {
	s.ending, s.reason = true, reason
	s.signal()
}

func (s *session) signal() {
	if s.idle {
		s.idle = false
		s.hub.runner.busy.add(1)
	}
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// wrote makes room for what has been written.
func (s *session) wrote(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.waiting -= n
}

// rest notes that the stream's goroutine waits now, unless there is something to do.
func (s *session) rest() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.queue.chunks) > 0 || s.ending {
		return false
	}
	select {
	case <-s.wake: // it was for what has been taken since
	default:
	}
	s.idle = true
	s.hub.runner.busy.add(-1)
	return true
}

// take returns what is queued, and whether that is the end. written is how many bytes of what was taken before have
// been written.
func (s *session) take(written int) (chunks []chunk, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.take(written), s.ending
}

// serve writes the stream to the client until it ends, and returns why. A stream that was cut must be aborted.
func (s *session) serve(w http.ResponseWriter, r *http.Request) (reason actor.LeaveReason, aborted bool) {
	rc := http.NewResponseController(w)
	s.mu.Lock()
	s.cut = func() { rc.SetWriteDeadline(time.Unix(1, 0)) } // the past: a write that hangs fails at once
	s.conn = connOf(r)
	s.mu.Unlock()
	defer func() { // the connection may serve other requests now
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cut, s.conn = nil, nil
	}()
	pacer, _ := w.(Pacer)
	written, begun := 0, false
	for {
		if pacer != nil {
			pacer.Pace()
		}
		chunks, end := s.take(written)
		written = 0
		proceed := false
		for _, c := range chunks {
			proceed = proceed || c.proceed
			if len(c.data) == 0 {
				continue
			}
			if _, err := w.Write(c.data); err != nil {
				return s.failed()
			}
			written += len(c.data)
		}
		if len(chunks) > 0 || !begun {
			begun = true // the head goes out even if there is nothing to send yet
			if err := rc.Flush(); err != nil {
				return s.failed()
			}
			if proceed || pacer != nil {
				s.wrote(written) // before the hub sends more, or the pacer waits
				written = 0
			}
			if proceed {
				s.hub.post(&job{in: &actor.Input{Kind: actor.InputContinue, Hub: s.hub.addr, Session: s.id}})
			}
			continue // more may have been queued meanwhile
		}
		if end {
			return s.reason, s.reason != actor.LeaveClosed
		}
		if !s.rest() {
			continue
		}
		select {
		case <-s.wake:
		case <-r.Context().Done():
			return s.failed()
		}
	}
}

// failed ends a stream whose client does not take it any more.
func (s *session) failed() (actor.LeaveReason, bool) {
	s.close(actor.LeaveGone)
	return s.reason, true
}
