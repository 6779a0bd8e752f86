package localrunner

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/gojs"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/tetratelabs/wazero/api"
)

// What tests drive, see package runnertest.

// The operations that [Options.StorageFault] is asked about.
const (
	StoragePut    = storage.OpPut
	StorageDelete = storage.OpDelete
	StorageCommit = storage.OpCommit // of what the turns that share it have written
)

// Failures of the disk. The answer to a request is a 507 for a full one, and a 503 for others.
var (
	// ErrStorageFull: there is no room left.
	ErrStorageFull = storage.ErrFull
	// ErrStorageIO: the system could not read or write.
	ErrStorageIO = storage.ErrIO
)

// errKilled is why [Runner.KillInstances] loses an instance.
var errKilled = errors.New("localrunner: the instance was killed")

// activity counts what runs: a hub with turns that run or wait, and a request until its answer is complete, but not
// while its stream has nothing to send. Whoever sets something else going counts that before it itself is done, so that
// a count of zero stays, until something comes from outside or a timer is due.
type activity struct {
	n       atomic.Int64
	waiting atomic.Int32 // for zero

	mu   sync.Mutex
	zero chan struct{} // closed when n becomes zero; nil: nobody has asked
}

func (a *activity) add(n int64) {
	if a.n.Add(n) != 0 || a.waiting.Load() == 0 {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.zero != nil {
		close(a.zero)
		a.zero = nil
	}
}

// wait waits until nothing runs.
func (a *activity) wait(ctx context.Context) error {
	a.waiting.Add(1)
	defer a.waiting.Add(-1)
	for {
		a.mu.Lock()
		if a.zero == nil {
			a.zero = make(chan struct{})
		}
		zero := a.zero
		a.mu.Unlock()
		if a.n.Load() == 0 { // behind the lock: a zero that comes later closes the channel
			return nil
		}
		select {
		case <-zero:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Settle waits until nothing runs: no turn runs or waits, each request is answered, and each stream has been written as
// far as it goes. With a [Options.Clock] that stands still nothing happens after that by itself. It fails when ctx ends.
//
// It does not wait for the program's http.Handler, which may sleep, nor for what is still on its way in the network. A
// client that does not read has it wait, unless it is a [Pacer].
func (r *Runner) Settle(ctx context.Context) error {
	if err := r.busy.wait(ctx); err != nil {
		return err
	}
	for _, i := range r.isolates {
		if inst := i.running(); inst != nil {
			// Timers of the Go runtime, too, have run at their time. That an instance is lost is no news here.
			if err := inst.Do(ctx, func(context.Context, api.Module) error { return nil }); err != nil && !errors.Is(err, gojs.ErrLost) {
				return err
			}
		}
	}
	return nil
}

// A Pacer is the http.ResponseWriter of a client in the same process that decides when its stream goes on. Pace is called
// whenever something may wait for the client, which is then taken from the session's queue and written; until Pace returns
// it stays there, as behind a client that does not read. While Pace waits it should not count, see [Runner.Busy]. When
// the runner cuts a stream it calls SetWriteDeadline, if there is one, with a time in the past: Pace should return then.
type Pacer interface {
	http.ResponseWriter
	Pace()
}

// Busy adds n to the number of things that [Runner.Settle] waits for: a [Pacer] calls Busy(-1) when Pace begins to wait,
// and Busy(1) before that lets it go on.
func (r *Runner) Busy(n int) { r.busy.add(int64(n)) }

// Serve is ServeHTTP for a client in the same process: it calls done at the end, before [Runner.Settle] can take the
// request for answered. aborted says that the answer was broken off, where ServeHTTP would have panicked with
// http.ErrAbortHandler.
func (r *Runner) Serve(w http.ResponseWriter, req *http.Request, done func(aborted bool)) {
	r.busy.add(1)
	defer r.busy.add(-1)
	defer func() {
		v := recover()
		if v != nil && v != any(http.ErrAbortHandler) {
			panic(v)
		}
		done(v != nil)
	}()
	r.handle(w, req)
}

// Evict does to a hub what hibernation does, behind the turns that already wait: its value is dropped, its timers are
// cleared, the connection to its database is closed. Streams stay open; the hub's next input wakes it to their sessions.
// A hub that sleeps stays asleep. It fails when ctx ends, or with [LostError] when the hub's instance was lost, which
// has taken the value with it.
func (r *Runner) Evict(ctx context.Context, addr actor.Address) error {
	r.mu.Lock()
	h := r.hubs[addr]
	r.mu.Unlock()
	j := &job{in: &actor.Input{Kind: actor.InputForget, Hub: addr}, reply: make(chan reply, 1)}
	if h == nil || !h.post(j) {
		return nil
	}
	select {
	case re := <-j.reply:
		return re.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// evict is the turn of [Runner.Evict]. The connection is closed when its transaction is over.
func (h *hub) evict(e *entry, j *job) error {
	h.known, h.evicted = false, true
	h.clearTimers()
	out, err := h.attempt(e, j.in)
	if err == nil {
		h.took(j, out)
	}
	return err
}

// closeEvicted closes the connection of a hub that was evicted.
func (h *hub) closeEvicted() {
	if !h.evicted {
		return
	}
	h.evicted = false
	if err := h.db.Close(); err != nil {
		h.storageFailed(err)
	}
}

// KillInstances has every isolate lose its instance, as a crash does. A turn that runs fails when it next calls its host,
// to store something for one; one that is through by then was through before the crash. The next turn boots another
// instance. Streams stay open. The instances of the program's http.Handler are not concerned.
func (r *Runner) KillInstances() {
	for _, i := range r.isolates {
		i.mu.Lock()
		if i.inst != nil {
			i.own.killed.Store(true)
			i.inst.Kill(errKilled)
		}
		i.mu.Unlock()
	}
}

// running returns the isolate's instance, or nil when it has none.
func (i *isolate) running() *gojs.Instance {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.inst
}
