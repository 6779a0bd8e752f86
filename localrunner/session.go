package localrunner

import (
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

	mu      sync.Mutex
	queue   [][]byte // shared between sessions: must not be changed
	waiting int      // bytes queued, and those that are being written
	ending  bool     // nothing is queued any more; what is queued is still written
	cut     func()   // breaks a write that hangs; set while the stream is served
	reason  actor.LeaveReason
}

func newSession(h *hub, id string) *session {
	return &session{hub: h, id: id, wake: make(chan struct{}, 1)}
}

// send queues chunk. When the client is so far behind that it does not fit, the stream is cut: the client comes back
// and resumes.
func (s *session) send(chunk []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ending {
		return
	}
	if s.waiting+len(chunk) > s.hub.class.SessionBuffer {
		s.stop(actor.LeaveSlow)
		s.drop()
		return
	}
	s.queue = append(s.queue, chunk)
	s.waiting += len(chunk)
	s.signal()
}

// close ends the stream behind what is queued.
func (s *session) close(reason actor.LeaveReason) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ending {
		s.stop(reason)
	}
}

// end ends the stream behind what is queued, and last.
func (s *session) end(last []byte) {
	s.send(last)
	s.close(actor.LeaveClosed)
}

// abort ends the stream at once: what is queued is not written any more.
func (s *session) abort() {
	s.close(actor.LeaveClosed)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drop()
}

func (s *session) drop() {
	s.queue = nil
	if s.cut != nil {
		s.cut()
	}
}

func (s *session) stop(reason actor.LeaveReason) {
	s.ending, s.reason = true, reason
	s.signal()
}

func (s *session) signal() {
	select {
	case s.wake <- struct{}{}:
	default: // it is awake already
	}
}

// take returns what is queued, and whether that is the end. written is how many bytes of what was taken before have
// been written.
func (s *session) take(written int) (chunks [][]byte, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting -= written
	chunks, s.queue = s.queue, nil
	return chunks, s.ending
}

// serve writes the stream to the client until it ends, and returns why. A stream that was cut must be aborted.
func (s *session) serve(w http.ResponseWriter, r *http.Request) (reason actor.LeaveReason, aborted bool) {
	rc := http.NewResponseController(w)
	s.mu.Lock()
	s.cut = func() { rc.SetWriteDeadline(time.Unix(1, 0)) } // the past: a write that hangs fails at once
	s.mu.Unlock()
	defer func() { // the connection may serve other requests now
		s.mu.Lock()
		defer s.mu.Unlock()
		s.cut = nil
	}()
	written, begun := 0, false
	for {
		chunks, end := s.take(written)
		written = 0
		for _, chunk := range chunks {
			if _, err := w.Write(chunk); err != nil {
				return s.failed()
			}
			written += len(chunk)
		}
		if len(chunks) > 0 || !begun {
			begun = true // the head goes out even if there is nothing to send yet
			if err := rc.Flush(); err != nil {
				return s.failed()
			}
			continue // more may have been queued meanwhile
		}
		if end {
			return s.reason, s.reason == actor.LeaveSlow
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
