package localrunner

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
)

// job is one input on its way through a hub. The zero value of its lower half is what it is before its turn.
type job struct {
	in    *actor.Input
	reply chan reply // of room 1; nil when nobody waits
	timer *timer     // which has fired, for actor.InputTimer

	outs []*actor.Output // what is to be released: that of a wake before its own, and its own
	err  error
}

// reply answers a request.
type reply struct {
	response *actor.Response
	session  *session // whose stream the response begins, or nil
	err      error    // instead of a response
}

// timer is a timer or a heartbeat of a hub, set and not yet due. Its identity tells it from one that took its place.
type timer struct{ stop func() bool }

// maxBatch bounds how many inputs share a commit, and so how long the first of them waits for the last.
const maxBatch = 256

// hub is a hub that is awake, as its host sees it. A goroutine runs its turns while there are any; the fields below mu
// belong to whoever holds it, those above to that goroutine.
type hub struct {
	runner *Runner
	iso    *isolate
	addr   actor.Address
	class  abi.ClassDescription
	db     *storage.DB

	known  bool              // whether the engine has heard of this hub, rather than of one before it
	states map[string][]byte // of the sessions that the engine knows
	undo   map[string][]byte // what states of the batch that runs were before it; nil: there was none
	timers map[string]*timer

	evicted bool // in the batch that runs

	mu        sync.Mutex
	queue     []*job
	running   bool
	drained   chan struct{} // closed, and the hub dead, when nothing is queued any more; nil: not asked for
	dead      bool          // forgotten by the runner: nothing is queued any more
	lastTurn  time.Time
	sessions  map[string]*session
	heartbeat *timer // nil without sessions
	ending    bool   // a stream that opens ends at once: the runner is shutting down
}

// post queues j. It returns false when the hub is dead: the runner then has another one, or none.
func (h *hub) post(j *job) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.enqueue(j)
}

// enqueue is post for a caller that holds mu.
func (h *hub) enqueue(j *job) bool {
	if h.dead {
		return false
	}
	h.queue = append(h.queue, j)
	if !h.running {
		h.running = true
		h.runner.busy.add(1)
		go h.loop()
	}
	return true
}

// loop runs what is queued until nothing is.
func (h *hub) loop() {
	for {
		h.mu.Lock()
		n := min(len(h.queue), maxBatch)
		if n == 0 {
			h.running, h.queue = false, nil
			h.lastTurn = h.runner.opts.Clock.Now()
			if h.drained != nil {
				h.die()
			}
			h.mu.Unlock()
			h.runner.busy.add(-1)
			return
		}
		batch := slices.Clone(h.queue[:n])
		h.queue = h.queue[n:]
		h.mu.Unlock()
		for len(batch) > 0 {
			batch = h.process(batch)
		}
	}
}

// die lets nothing be queued any more. The caller holds mu, and no turn runs.
func (h *hub) die() {
	h.dead = true
	h.clearTimers()
	if h.drained != nil {
		close(h.drained)
	}
}

// process runs a batch, or the first of it, in one transaction, commits it, and only then lets anybody see it. It
// returns what is left.
func (h *hub) process(batch []*job) (rest []*job) {
	err := h.db.Begin()
	if err == nil {
		n := h.run(batch)
		batch, rest = batch[:n], batch[n:]
		err = h.db.Commit()
	}
	if err != nil {
		h.storageFailed(err)
		// It is over already, unless a turn broke off in a way that left its savepoint open.
		_ = h.db.Rollback()
		h.forget(batch)
	}
	clear(h.undo)
	h.closeEvicted()
	for _, j := range batch {
		if err != nil {
			j.outs, j.err = nil, err
		}
		h.release(j)
	}
	return rest
}

// forget takes back what a transaction that was not committed has left in memory, here and in the engine.
func (h *hub) forget(batch []*job) {
	h.known = false
	for id, state := range h.undo {
		if state == nil {
			delete(h.states, id)
		} else {
			h.states[id] = state
		}
	}
	for _, j := range batch {
		if j.in.Kind == actor.InputLeave {
			delete(h.states, j.in.Session) // its stream is gone all the same
		}
	}
}

// save notes what the engine wants to know of a session when the hub wakes.
func (h *hub) save(id string, state []byte) {
	if _, ok := h.undo[id]; !ok {
		h.undo[id] = h.states[id]
	}
	h.states[id] = state
}

// run runs the turns of a batch, in as few entries of the isolate as possible, and returns how many of them: what they
// send is released at once, and must leave clients that read time to do so.
func (h *hub) run(batch []*job) (next int) {
	ctx := context.Background() // a turn is not to be cut short by a client that leaves
	sent := 0
	for next < len(batch) && sent <= h.class.SessionBuffer/4 {
		err := h.iso.enter(ctx, func(e *entry) error {
			for ; next < len(batch) && sent <= h.class.SessionBuffer/4; next++ {
				if err := h.turn(e, batch[next]); err != nil {
					return err
				}
				sent += batch[next].sends()
			}
			return nil
		})
		if err != nil && next < len(batch) { // of batch[next]; those before it are done
			batch[next].outs, batch[next].err = nil, err
			next++
		}
	}
	return next
}

// sends is how many bytes j's turns send.
func (j *job) sends() (n int) {
	for _, out := range j.outs {
		for i := range out.Effects {
			n += len(out.Effects[i].Data)
		}
	}
	return n
}

// turn runs one job in a savepoint of its own. It returns an error when the instance is lost.
func (h *hub) turn(e *entry, j *job) error {
	if t := j.timer; t != nil {
		if h.timers[j.in.Timer] != t {
			return nil // it was replaced or removed after it had fired
		}
		delete(h.timers, j.in.Timer)
	}
	if j.in.Kind == actor.InputLeave {
		defer delete(h.states, j.in.Session) // whatever the turn comes to: the stream is gone
	}
	j.in.Now = h.runner.opts.Clock.Now()
	if j.in.Kind == actor.InputForget {
		return h.evict(e, j)
	}
	var out *actor.Output
	var err error
	if h.known {
		if out, err = h.attempt(e, j.in); err != nil {
			return err
		}
	}
	if out == nil || out.NeedWake {
		woken, err := h.wake(e, j)
		if err != nil || !woken {
			return err
		}
		if out, err = h.attempt(e, j.in); err != nil {
			return err
		}
		if out.NeedWake {
			return errors.New("the program does not know the hub that it has just woken")
		}
	}
	h.took(j, out)
	return nil
}

// wake tells the engine of the hub and its sessions. It returns false when the hub failed to start, which is then what
// the job comes to.
func (h *hub) wake(e *entry, j *job) (bool, error) {
	h.clearTimers()
	in := &actor.Input{Kind: actor.InputWake, Hub: h.addr, Now: j.in.Now}
	for id, state := range h.states {
		in.Sessions = append(in.Sessions, actor.SessionState{ID: id, State: state})
	}
	slices.SortFunc(in.Sessions, func(a, b actor.SessionState) int { return cmp.Compare(a.ID, b.ID) })
	out, err := h.attempt(e, in)
	if err != nil {
		return false, err
	}
	h.took(j, out)
	h.known = out.Failure == ""
	return h.known, nil
}

// took notes what a turn came to: what is only between the engine and its host at once, the rest for release.
func (h *hub) took(j *job, out *actor.Output) {
	j.outs = append(j.outs, out)
	if out.Opened != nil {
		h.save(out.Opened.ID, out.Opened.State)
	}
	for i := range out.Effects {
		switch e := &out.Effects[i]; e.Kind {
		case actor.EffectSave:
			if h.states[e.Session] != nil { // else it has left since
				h.save(e.Session, e.Data)
			}
		case actor.EffectSetTimer:
			h.setTimer(e.Timer, e.Delay)
		case actor.EffectClearTimer:
			h.clearTimer(e.Timer)
		}
	}
}

// attempt runs one input in a savepoint, which it rolls back unless the turn succeeded.
func (h *hub) attempt(e *entry, in *actor.Input) (*actor.Output, error) {
	if err := h.db.Savepoint(); err != nil {
		return failure(h, err), nil
	}
	out, err := e.turn(h, in)
	if err != nil || out.NeedWake || out.Failure != "" {
		if out != nil && out.Failure != "" {
			h.clearTimers()
		}
		if rollbackErr := h.db.RollbackTo(); rollbackErr != nil && err == nil {
			return failure(h, rollbackErr), nil
		}
		return out, err
	}
	if err := h.db.Release(); err != nil {
		return failure(h, err), nil
	}
	return out, nil
}

// failure is the output of a turn that failed in the host. The engine may have taken it for a success.
func failure(h *hub, err error) *actor.Output {
	h.known = false
	cause := fmt.Sprintf("hub %s: %v", h.addr, err)
	return &actor.Output{Failure: cause, Response: h.runner.problem(cause, err)}
}

// release carries out what a job has come to. The batch is committed.
func (h *hub) release(j *job) {
	var re reply
	failed := j.err != nil
	switch {
	case j.err != nil:
		re.err = fmt.Errorf("hub %s: %w", h.addr, j.err)
		if j.reply == nil {
			h.runner.opts.Log.Warn("a turn failed", "hub", h.addr.String(), "err", j.err)
		}
	default:
		for _, out := range j.outs {
			if out.Failure != "" {
				failed = true
				h.runner.opts.Log.Warn("a turn failed", "cause", out.Failure)
			}
			if out.Opened != nil {
				re.session = h.open(out.Opened.ID)
			}
			h.apply(out.Effects)
			re.response = out.Response
		}
	}
	if j.reply != nil {
		j.reply <- re
	}
	if failed && len(h.states) > 0 && !j.rouses() {
		// The timers that the hub had set went with the turn, or the instance. It sets them again when it wakes, which
		// must not wait for the next request if somebody listens.
		h.post(&job{in: &actor.Input{Kind: actor.InputTimer, Hub: h.addr}})
	}
}

// rouses reports whether j is there only to wake the hub: no timer has an empty name.
func (j *job) rouses() bool { return j.in.Kind == actor.InputTimer && j.in.Timer == "" }

func (h *hub) apply(effects []actor.Effect) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i := range effects {
		e := &effects[i]
		s := h.sessions[e.Session]
		switch e.Kind {
		case actor.EffectSend:
			c := chunk{data: e.Data, key: e.Key, ephemeral: e.Ephemeral}
			if e.Session == "" {
				h.sendAll(c, e.Except)
			} else if s != nil {
				s.send(c)
			}
		case actor.EffectClose:
			if s != nil {
				s.finish()
			}
		case actor.EffectContinue:
			if s != nil {
				s.send(chunk{proceed: true})
			}
		}
	}
}

// sendAll queues c for all sessions but some. The caller holds mu.
func (h *hub) sendAll(c chunk, except []string) {
	skip := make(map[string]struct{}, len(except))
	for _, id := range except {
		skip[id] = struct{}{}
	}
	for id, s := range h.sessions {
		if _, ok := skip[id]; !ok {
			s.send(c)
		}
	}
}

func (h *hub) setTimer(name string, d time.Duration) {
	h.clearTimer(name)
	t := &timer{}
	in := &actor.Input{Kind: actor.InputTimer, Hub: h.addr, Timer: name}
	h.timers[name] = t
	t.stop = h.runner.opts.Clock.AfterFunc(d, func() { h.post(&job{in: in, timer: t}) })
}

func (h *hub) clearTimer(name string) {
	if t := h.timers[name]; t != nil {
		t.stop()
		delete(h.timers, name)
	}
}

func (h *hub) clearTimers() {
	for name := range h.timers {
		h.clearTimer(name)
	}
}
