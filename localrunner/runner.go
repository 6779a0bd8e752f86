package localrunner

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/gojs"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
	"github.com/hubbub-edge/hubbub/localrunner/internal/wrangler"
)

// Runner serves one program. It is an http.Handler; its methods are safe for concurrent use.
type Runner struct {
	opts     Options
	config   *wrangler.Config
	program  *gojs.Program
	about    *abi.Description
	classes  map[string]abi.ClassDescription
	store    *storage.Store
	isolates []*isolate
	lease    *lease
	assets   *assets
	seed     maphash.Seed
	next     atomic.Uint64 // the isolate of the next route turn

	mu       sync.Mutex
	hubs     map[actor.Address]*hub
	closed   bool
	stopIdle func() bool
	streams  sync.WaitGroup // the requests that are being served

	busy activity // see Settle
}

// New reads the configuration, compiles the program, opens the storage, and starts the isolates. Its errors say what is
// wrong in words for the person at the terminal; a configuration that cannot be honoured is refused, see
// [Options.Config].
func New(opts Options) (_ *Runner, err error) {
	opts = opts.withDefaults()
	r := &Runner{
		opts:    opts,
		hubs:    make(map[actor.Address]*hub),
		classes: make(map[string]abi.ClassDescription),
		seed:    maphash.MakeSeed(),
	}
	defer func() {
		if err != nil {
			_ = r.free() // err says why, and nothing has been written
		}
	}()
	if r.config, err = wrangler.Read(opts.Config); err != nil {
		return nil, err
	}
	maps.Copy(r.config.Vars, opts.Vars)
	if r.assets, err = newAssets(r.config.Assets); err != nil {
		return nil, err
	}
	if r.store, err = storage.Open(opts.Storage, storage.Options{
		MemoryOnly: opts.Storage == "",
		Fault:      opts.StorageFault,
		Report:     func(message string) { opts.Log.Error(message) },
	}); err != nil {
		return nil, err
	}
	if err = r.start(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.scheduleIdle()
	return r, nil
}

// start compiles the program and checks it against the configuration.
func (r *Runner) start() error {
	ctx := context.Background()
	wasm, err := os.ReadFile(r.config.Wasm)
	if err != nil {
		return fmt.Errorf("the program is not built: %w", err)
	}
	if r.program, err = gojs.Compile(ctx, wasm, gojs.CompileOptions{
		CacheDir: r.opts.CacheDir, ModuleName: abi.Module, Module: exportImports,
	}); err != nil {
		return fmt.Errorf("%s: %w", r.config.Wasm, err)
	}
	r.lease = &lease{runner: r, slots: make(chan struct{}, maxLeased)}
	for range r.opts.Isolates {
		r.isolates = append(r.isolates, &isolate{runner: r})
	}
	if r.about, err = r.isolates[0].describe(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.config.Wasm, err)
	}
	for _, c := range r.about.Classes {
		if !slices.Contains(r.config.Classes, c.Name) {
			return fmt.Errorf("the program's class %q has no Durable Object binding in %s", c.Name, r.config.File)
		}
		r.classes[c.Name] = c
	}
	for _, name := range r.config.Classes {
		if _, ok := r.classes[name]; !ok {
			return fmt.Errorf("%s binds the class %q, which the program does not have", r.config.File, name)
		}
	}
	return nil
}

// Summary says in a few lines what was loaded.
func (r *Runner) Summary() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s\n", r.config.Name, r.config.Wasm)
	fmt.Fprintf(&b, "  classes   %s\n", strings.Join(r.config.Classes, ", "))
	fmt.Fprintf(&b, "  isolates  %d\n", len(r.isolates))
	where := "in memory"
	if r.opts.Storage != "" {
		where = r.opts.Storage
	}
	fmt.Fprintf(&b, "  storage   %s\n", where)
	if r.config.Assets != "" {
		fmt.Fprintf(&b, "  assets    %s\n", r.config.Assets)
	}
	return b.String()
}

// post hands a job to its hub, which it wakes if need be. It fails when the runner is closed.
func (r *Runner) post(addr actor.Address, j *job) error {
	for {
		h, err := r.hub(addr)
		if err != nil {
			return err
		}
		if h.post(j) {
			return nil
		}
	}
}

// ErrClosed: the runner is shutting down.
var ErrClosed = errors.New("localrunner: shutting down")

func (r *Runner) hub(addr actor.Address) (*hub, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if h := r.hubs[addr]; h != nil {
		return h, nil
	}
	h := &hub{
		runner:   r,
		iso:      r.isolates[maphash.Comparable(r.seed, addr)%uint64(len(r.isolates))],
		addr:     addr,
		class:    r.classes[addr.Class],
		db:       r.store.Hub(addr.Class, addr.Name),
		states:   make(map[string][]byte),
		undo:     make(map[string][]byte),
		timers:   make(map[string]*timer),
		sessions: make(map[string]*session),
		lastTurn: r.opts.Clock.Now(),
	}
	r.hubs[addr] = h
	return h, nil
}

// scheduleIdle forgets hubs that have nothing to do, again and again, until the runner is closed. The caller holds mu.
func (r *Runner) scheduleIdle() {
	r.stopIdle = r.opts.Clock.AfterFunc(actor.IdleTimeout, func() {
		r.mu.Lock()
		hubs := slices.Collect(maps.Values(r.hubs))
		r.mu.Unlock()
		for _, h := range hubs {
			h.sleep()
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if !r.closed {
			r.scheduleIdle()
		}
	})
}

// Close shuts the runner down: new requests are refused, streams end with a hint to come back, turns that wait are run,
// and storage is flushed. When ctx ends before the streams have, they are cut, and the error wraps ctx's. A second Close
// fails with [ErrClosed].
func (r *Runner) Close(ctx context.Context) error {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return ErrClosed
	}
	r.closed = true
	hubs := slices.Collect(maps.Values(r.hubs))
	r.mu.Unlock()
	r.stopIdle()
	for _, h := range hubs {
		h.endStreams()
	}
	served := make(chan struct{})
	go func() {
		r.streams.Wait()
		close(served)
	}()
	var err error
	select {
	case <-served:
	case <-ctx.Done():
		err = ctx.Err()
		for _, h := range hubs {
			h.cutStreams()
		}
	}
	for _, h := range hubs {
		h.retire(ctx)
	}
	return errors.Join(err, r.free())
}

// free gives back what New has taken.
func (r *Runner) free() error {
	var err error
	if r.program != nil {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		err = r.program.Close(ctx)
	}
	if r.store != nil {
		err = errors.Join(err, r.store.Close())
	}
	if r.assets != nil {
		err = errors.Join(err, r.assets.close())
	}
	return err
}
