package localrunner

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/gojs"
	"github.com/tetratelabs/wazero/api"
)

// LostError: an instance of the program was lost in a call. Nothing of the call remains.
type LostError struct{ Cause error }

func (e *LostError) Error() string { return e.Cause.Error() }
func (e *LostError) Unwrap() error { return e.Cause }

// isolate is one running instance of the program, and its successor when it is lost.
type isolate struct {
	runner *Runner

	mu   sync.Mutex
	inst *gojs.Instance // nil: none runs
	own  *guest
}

// bootTimeout bounds how long a program may take to get ready, for else a main that waits for something would hang
// everybody, without a word. A boot takes milliseconds.
const bootTimeout = 30 * time.Second

// boot starts an instance of the program.
func (r *Runner) boot(ctx context.Context, g *guest) (*gojs.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, r.opts.bootTimeout)
	defer cancel()
	inst, err := r.program.Start(ctx, gojs.Config{
		Env:    maps.Clone(r.config.Vars),
		Stdout: r.opts.Output,
		Stderr: r.opts.Output,
		Clock:  r.opts.Clock,
		Rand:   r.opts.Rand,
		Value:  g,
		Failed: r.refuse,
	})
	if errors.Is(err, context.DeadlineExceeded) {
		return nil, &LostError{fmt.Errorf("the program did not get ready in %v: its main must not wait before it calls "+
			"worker.Serve", r.opts.bootTimeout)}
	}
	if err != nil {
		return nil, &LostError{fmt.Errorf("the program did not start: %w", err)}
	}
	return inst, nil
}

// instance returns the running instance; it starts one if there is none.
func (i *isolate) instance(ctx context.Context) (*gojs.Instance, *guest, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.inst != nil && i.inst.Err() == nil {
		return i.inst, i.own, nil
	}
	g := &guest{rand: i.runner.opts.Rand}
	inst, err := i.runner.boot(ctx, g)
	if err != nil {
		return nil, nil, err
	}
	i.inst, i.own = inst, g
	return inst, g, nil
}

// discard ends an instance that was lost. It waits for a call that is still in it, and that must not go on beside what
// comes next.
func (i *isolate) discard(inst *gojs.Instance) {
	i.mu.Lock()
	if i.inst == inst {
		i.inst, i.own = nil, nil
	}
	i.mu.Unlock()
	inst.Close()
}

// entry is one stay inside an instance: several calls, without another entry in between.
type entry struct {
	ctx context.Context
	m   api.Module
	g   *guest
}

// enter runs fn inside the instance. fn returns the error of a call that lost it, which is then discarded. An instance
// that somebody else has lost before fn began is replaced, unknown to fn.
func (i *isolate) enter(ctx context.Context, fn func(e *entry) error) error {
	for {
		inst, g, err := i.instance(ctx)
		if err != nil {
			return err
		}
		began := false
		var lost error
		err = inst.Do(ctx, func(ctx context.Context, m api.Module) error {
			began = true
			lost = fn(&entry{ctx, m, g})
			return lost
		})
		if err == nil {
			return nil
		}
		if !errors.Is(err, gojs.ErrLost) {
			return err // ctx has ended before fn began
		}
		i.discard(inst)
		if !began {
			continue
		}
		if lost == nil {
			lost = err
		}
		i.runner.opts.Log.Warn("an instance is lost", "cause", cause(lost, inst))
		return &LostError{cause(lost, inst)}
	}
}

// cause is why an instance was lost: what it itself knows, unless a call only noticed that it had not finished.
func cause(lost error, inst *gojs.Instance) error {
	if err := inst.Err(); err != nil && !errors.Is(lost, errBlocked) {
		return err
	}
	return lost
}

// keepBuffer is the largest buffer that is kept for the next turn.
const keepBuffer = 64 << 10

// turn runs one input.
func (e *entry) turn(h *hub, in *actor.Input) (*actor.Output, error) {
	e.g.db, e.g.failed = h.db, nil
	if e.g.buf = abi.AppendInput(e.g.buf[:0], in); cap(e.g.buf) > keepBuffer {
		defer func() { e.g.buf = nil }()
	}
	payload, err := e.g.call(e.ctx, e.m, abi.ExportTurn, e.g.buf)
	e.g.db = nil
	if trace := h.runner.opts.Trace; trace != nil {
		trace(h.addr, e.g.buf, payload)
	}
	if err != nil {
		return nil, err
	}
	out, err := abi.DecodeOutput(payload)
	if err == nil && out.Failure != "" && e.g.failed != nil {
		out.Response = h.runner.problem(out.Failure, e.g.failed)
	}
	return out, err
}

// route decides what becomes of a request.
func (i *isolate) route(ctx context.Context, r *actor.Request) (d *actor.Decision, err error) {
	err = i.enter(ctx, func(e *entry) error {
		payload, err := e.g.call(e.ctx, e.m, abi.ExportRoute, abi.AppendRoute(nil, r))
		if err == nil {
			d, err = abi.DecodeDecision(payload)
		}
		return err
	})
	return d, err
}

// describe asks the program what it is.
func (i *isolate) describe(ctx context.Context) (d *abi.Description, err error) {
	var version *abi.VersionError
	err = i.enter(ctx, func(e *entry) error {
		payload, err := e.g.call(e.ctx, e.m, abi.ExportDescribe, nil)
		if err == nil {
			d, err = abi.DecodeDescription(payload)
		}
		return err
	})
	if errors.As(err, &version) {
		return nil, version
	}
	return d, err
}
