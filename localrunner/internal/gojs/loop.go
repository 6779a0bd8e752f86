package gojs

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero/api"
)

// task is something for the instance's goroutine to do.
type task interface{ run(in *Instance) }

type funcTask func()

func (f funcTask) run(*Instance) { f() }

// post queues a task. It reports false when the instance is lost and the task will never run.
func (in *Instance) post(t task) bool {
	in.mu.Lock()
	if in.cause != nil {
		in.mu.Unlock()
		return false
	}
	in.queue = append(in.queue, t)
	in.mu.Unlock()
	in.signal()
	return true
}

func (in *Instance) signal() {
	select {
	case in.wake <- struct{}{}:
	default:
	}
}

// loop is the instance's goroutine, the only one that enters the program.
func (in *Instance) loop() {
	defer in.release()
	var batch []task
	for {
		in.mu.Lock()
		batch, in.queue = in.queue, batch[:0]
		in.mu.Unlock()
		if len(batch) == 0 && !in.lost.Load() {
			<-in.wake
			continue
		}
		for i, t := range batch {
			if in.lost.Load() {
				return
			}
			batch[i] = nil
			in.runTask(t)
		}
		if in.lost.Load() {
			return
		}
	}
}

// runTask runs one task and then what became due by it: microtasks, and the data that requests wait for. A lost
// instance runs them too, without entering the program, so that a response that was complete before is delivered.
func (in *Instance) runTask(t task) {
	if j, ok := t.(*job); ok {
		in.runJob(j)
	} else {
		in.guard(func() { t.run(in) })
	}
	for in.realm.due() {
		in.guard(in.realm.drain)
	}
	for i, x := range in.dirty {
		x.deliver()
		in.dirty[i] = nil
	}
	in.dirty = in.dirty[:0]
	if in.ready && !in.lost.Load() {
		in.readyOnce.Do(func() { close(in.readyCh) })
	}
}

// release ends the instance.
func (in *Instance) release() {
	// A cause is missing only when a function passed to Do ended the goroutine, as runtime.Goexit does.
	in.setCause(&LostError{Cause: ErrClosed})
	for _, stop := range in.timers {
		stop()
	}
	for _, stop := range in.realm.intervals {
		stop()
	}
	in.finish()
	// The memory is the instance's own and the module anonymous: closing cannot fail in a way that matters.
	_ = in.mod.Close(in.ctx)
	in.program.remove(in)
	close(in.ended)
}

const (
	jobQueued int32 = iota
	jobRunning
	jobFinished
	jobDropped
)

// job is a call of Do.
type job struct {
	fn    func(ctx context.Context, m api.Module) error
	err   error
	state atomic.Int32
	done  chan struct{}
}

var jobs = sync.Pool{New: func() any { return &job{done: make(chan struct{}, 1)} }}

func (j *job) run(in *Instance) { j.err = j.fn(in.ctx, in.mod) }

func (in *Instance) runJob(j *job) {
	if !j.state.CompareAndSwap(jobQueued, jobRunning) {
		return
	}
	returned := false
	in.guard(func() {
		j.run(in)
		returned = true
	})
	if returned && j.err != nil {
		in.fail(causeOf(j.err))
	}
	if in.lost.Load() {
		j.err = in.Err()
	}
	j.state.Store(jobFinished)
	j.done <- struct{}{}
}

// Do runs fn on the instance's goroutine and waits for it. fn calls exports of m with the context that it is given
// and with functions that it got from m.ExportedFunction once and keeps; views of the memory must not outlive it.
// Afterwards, what became due runs on the same goroutine: Do does not wait for that.
//
// When fn returns an error, the instance is lost with that cause: an error of a call into the program leaves nothing
// that could go on, and a caller that finds that its export blocked returns [ErrBlocked]. Errors that are the
// caller's own affair are best kept in a variable.
//
// Do returns nil, a *[LostError] (see [ErrLost]) or, when ctx ends before fn begins, the error of ctx. Only after
// [Instance.Kill] may fn still be running when Do returns.
func (in *Instance) Do(ctx context.Context, fn func(ctx context.Context, m api.Module) error) error {
	j := jobs.Get().(*job)
	j.fn, j.err = fn, nil
	j.state.Store(jobQueued)
	if !in.post(j) {
		j.fn = nil
		jobs.Put(j)
		return in.Err()
	}
	select {
	case <-j.done:
		return j.recycle()
	case <-ctx.Done():
		if j.state.CompareAndSwap(jobQueued, jobDropped) {
			return ctx.Err()
		}
		select {
		case <-j.done:
			return j.recycle()
		case <-in.done:
		}
	case <-in.done:
	}
	if !j.state.CompareAndSwap(jobQueued, jobDropped) && j.state.Load() == jobFinished {
		<-j.done
		return j.recycle()
	}
	return in.Err()
}

func (j *job) recycle() error {
	err := j.err
	j.fn, j.err = nil, nil
	jobs.Put(j)
	return err
}
