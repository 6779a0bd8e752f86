package gojs

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Instance is one running program. Its methods are safe for concurrent use.
type Instance struct {
	program *Program
	cfg     Config
	ctx     *instanceContext

	// What follows belongs to the instance's goroutine.

	mod      api.Module
	getsp    api.Function
	resumes  []api.Function // one per depth: an api.Function must not be entered twice
	depth    int
	entries  uint64
	ready    bool
	realm    *realm
	refs     *refTable
	goObject *object
	context  *object
	log      crashLog
	timers   map[int32]func() bool
	timerID  int32
	base     int64 // nanotime at the start
	dirty    []*exchange
	spStack  [1]uint64

	// What follows is shared.

	mu    sync.Mutex
	queue []task
	cause *LostError
	wake  chan struct{}
	lost  atomic.Bool // cause is set

	doneOnce  sync.Once
	done      chan struct{} // closed: nothing more happens
	ended     chan struct{} // closed: the goroutine is gone and the memory free
	readyCh   chan struct{} // closed: booted
	readyOnce sync.Once
}

// instanceContext is the context of every call into the program. It finds the instance without a walk.
type instanceContext struct {
	context.Context
	in *Instance
}

type instanceKey struct{}

func (c *instanceContext) Value(key any) any {
	if key == (instanceKey{}) {
		return c.in
	}
	return c.Context.Value(key)
}

func instanceFrom(ctx context.Context) *Instance {
	if c, ok := ctx.(*instanceContext); ok {
		return c.in
	}
	in, ok := ctx.Value(instanceKey{}).(*Instance)
	if !ok {
		panic("gojs: a program was entered with a context that did not come from Instance.Do")
	}
	return in
}

// ValueFrom returns [Config].Value of the instance that calls a host function with ctx.
func ValueFrom(ctx context.Context) any { return instanceFrom(ctx).cfg.Value }

// Start boots an instance: it returns once the program has called workers.Ready and gone idle. It fails with
// [ErrNotReady] when the program ended before, or when ctx ended; ctx bounds nothing later.
func (p *Program) Start(ctx context.Context, cfg Config) (*Instance, error) {
	in := &Instance{
		program: p, cfg: cfg.withDefaults(),
		timers:  make(map[int32]func() bool),
		wake:    make(chan struct{}, 1),
		done:    make(chan struct{}),
		ended:   make(chan struct{}),
		readyCh: make(chan struct{}),
	}
	in.ctx = &instanceContext{context.Background(), in}
	in.log.to = in.cfg.Stderr
	in.base = in.cfg.Clock.Now().UnixNano()
	if err := p.add(in); err != nil {
		return nil, err
	}
	mod, err := p.runtime.InstantiateModule(
		experimental.WithMemoryAllocator(in.ctx, experimental.MemoryAllocatorFunc(allocateMemory)),
		p.code, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		p.remove(in)
		close(in.ended)
		return nil, fmt.Errorf("gojs: instantiate: %w", err)
	}
	in.mod, in.getsp = mod, mod.ExportedFunction("getsp")
	in.makeWorld()
	in.post(funcTask(in.boot))
	go in.loop()

	select {
	case <-in.readyCh:
		return in, nil
	case <-in.done:
		return nil, fmt.Errorf("%w: %w", ErrNotReady, in.Err())
	case <-ctx.Done():
		in.Kill(ErrClosed)
		return nil, fmt.Errorf("%w: %w", ErrNotReady, ctx.Err())
	}
}

func (in *Instance) makeWorld() {
	in.realm = newRealm(&in.cfg, &in.log, func(f func()) { in.post(funcTask(f)) })
	in.goObject = in.newGoObject()
	in.refs = newRefTable(in.realm.global, in.goObject)
	in.context = in.newContext()
	in.realm.define("context", in.context)
}

// boot runs the program until it waits for an event.
func (in *Instance) boot() {
	// The arguments are one, "js": wasm_exec.js has no others, and a Worker no environment of processes. They go
	// where the linker left room for them.
	const argv0, argv = 4096, 4096 + 8
	mem := in.memory()
	copy(mem[argv0:], "js\x00")
	copy(mem[argv:argv+24], make([]byte, 24)) // argv[0], end of arguments, end of environment
	mem[argv], mem[argv+1] = argv0&0xFF, argv0>>8
	if err := in.mod.ExportedFunction("run").CallWithStack(in.ctx, []uint64{1, argv}); err != nil {
		in.fail(causeOf(err))
	}
}

// newContext makes globalThis.context, which syumai/workers takes the environment and its handlers from.
func (in *Instance) newContext() *object {
	r := in.realm
	env := r.newObject()
	for name, v := range in.cfg.Env {
		env.props.add(property{key: name, val: v})
	}
	ctx := r.newObject()
	r.methods(ctx, map[string]nativeFunc{
		// The instance outlives its requests, so that there is nothing to extend.
		"waitUntil": func(r *realm, _ value, args []value) (value, error) {
			r.promiseFor(arg(args, 0)).then(r, func(value) {}, func(e value) {
				fmt.Fprintf(r.stderr, "Uncaught (in waitUntil) %s\n", r.toString(e))
			})
			return nil, nil
		},
		// There is no origin to pass a request through to.
		"passThroughOnException": func(*realm, value, []value) (value, error) { return nil, nil },
	})
	return r.newRecord("env", env, "ctx", ctx, "binding", r.newObject(), "connect", r.refuse("connect"))
}

func (in *Instance) memory() []byte {
	mem := in.mod.Memory()
	view, _ := mem.Read(0, mem.Size())
	return view
}

// stackPointer is the program's SP.
func (in *Instance) stackPointer() uint32 {
	if err := in.getsp.CallWithStack(in.ctx, in.spStack[:]); err != nil {
		panic(err)
	}
	return uint32(in.spStack[0])
}

// resume lets the program handle what is pending: a call of one of its functions, or a timer. When the instance is
// lost by it, resume does not return but unwinds to the goroutine's loop.
func (in *Instance) resume() {
	if in.depth == len(in.resumes) {
		in.resumes = append(in.resumes, in.mod.ExportedFunction("resume"))
	}
	f := in.resumes[in.depth]
	in.depth++
	in.entries++
	err := f.CallWithStack(in.ctx, nil)
	in.depth--
	if err != nil {
		in.fail(causeOf(err))
		panic(lostUnwind{})
	}
}

// fail notes why the instance is lost; the first cause counts. The loop ends after the current task.
func (in *Instance) fail(cause error) {
	if exit, ok := cause.(*ExitError); ok {
		in.log.explain(exit)
	}
	in.realm.silent = true
	in.setCause(&LostError{Cause: cause, Stderr: string(in.log.tail)})
}

func (in *Instance) setCause(lost *LostError) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.cause == nil {
		in.cause = lost
		in.lost.Store(true)
	}
}

// finish releases everyone who waits for the instance.
func (in *Instance) finish() { in.doneOnce.Do(func() { close(in.done) }) }

// Done is closed when the instance is lost.
func (in *Instance) Done() <-chan struct{} { return in.done }

// Err returns nil, or the *[LostError] that says why the instance is lost.
func (in *Instance) Err() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if in.cause == nil {
		return nil
	}
	return in.cause
}

// Kill gives the instance up with a cause, at once: whoever waits for it fails, even when the program is in the midst
// of an entry and never returns. The memory is freed when it does.
func (in *Instance) Kill(cause error) {
	in.setCause(&LostError{Cause: cause})
	in.finish()
	in.signal()
}

// Close gives the instance up with [ErrClosed] and waits until its memory is free, and thus for a running entry to
// return. It must not be called from a function passed to Do.
func (in *Instance) Close() error {
	in.Kill(ErrClosed)
	<-in.ended
	return nil
}

// guard runs f and turns what escapes from it into the loss of the instance.
func (in *Instance) guard(f func()) {
	defer func() {
		if v := recover(); v != nil {
			in.depth, in.realm.depth = 0, 0
			if _, ok := v.(lostUnwind); !ok {
				in.fail(&HostPanicError{Value: v, Stack: string(debug.Stack())})
			}
		}
	}()
	f()
}
