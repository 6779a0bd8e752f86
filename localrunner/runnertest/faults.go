package runnertest

import (
	"context"
	"sync"

	"github.com/hubbub-edge/hubbub/actor"
)

// faults are what is to happen at coming writes and commits.
type faults struct {
	mu   sync.Mutex
	next []fault
}

type fault struct {
	left int // writes and commits until it is due; 1: the next
	err  error
	kill bool
	stay bool // it happens again and again
}

// fault is asked before each write and each commit.
func (r *Runner) fault(string) error {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	var err error
	kept := r.faults.next[:0]
	for _, f := range r.faults.next {
		f.left = max(0, f.left-1)
		if f.left == 0 {
			if f.kill {
				r.runner.KillInstances()
			} else if err == nil {
				err = f.err
			}
		}
		if f.left > 0 || f.stay {
			kept = append(kept, f)
		}
	}
	r.faults.next = kept
	return err
}

func (r *Runner) addFault(f fault) {
	r.t.Helper()
	if f.left < 1 || f.err == nil && !f.kill {
		r.t.Fatal("runnertest: a fault needs an error, and to be at the first write or later")
	}
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.next = append(r.faults.next, f)
}

// FailStorage has the n-th write or commit from now on, the next for n = 1, fail with err: for example with
// localrunner.ErrStorageFull or localrunner.ErrStorageIO. A turn's writes are followed by a commit, which several turns
// may share.
func (r *Runner) FailStorage(n int, err error) {
	r.t.Helper()
	r.addFault(fault{left: n, err: err})
}

// FailStorageFrom has the n-th write or commit, and all after it, fail with err until [Runner.HealStorage].
func (r *Runner) FailStorageFrom(n int, err error) {
	r.t.Helper()
	r.addFault(fault{left: n, err: err, stay: true})
}

// HealStorage takes back what is still to come of [Runner.FailStorage], [Runner.FailStorageFrom] and
// [Runner.KillInstanceAt].
func (r *Runner) HealStorage() {
	r.faults.mu.Lock()
	defer r.faults.mu.Unlock()
	r.faults.next = nil
}

// KillInstance loses the instance that all hubs are on, as a crash does: whatever is in memory only is gone, streams and
// storage are not. The next call boots another one.
func (r *Runner) KillInstance() {
	r.t.Helper()
	r.settle()
	r.runner.KillInstances()
}

// KillInstanceAt is [Runner.KillInstance] in the midst of a turn, or of a commit: at the n-th write or commit from now
// on. A turn that it hits fails.
func (r *Runner) KillInstanceAt(n int) {
	r.t.Helper()
	r.addFault(fault{left: n, kill: true})
}

// Evict does to a hub what hibernation does: its value is dropped, its timers are cleared, its database is closed.
// Streams stay open, and the hub's next input wakes it to their sessions.
func (r *Runner) Evict(class, name string) {
	r.t.Helper()
	r.settle()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := r.runner.Evict(ctx, actor.Address{Class: class, Name: name}); err != nil {
		r.t.Fatalf("runnertest: evict %s/%s: %v", class, name, err)
	}
	r.settle()
}
