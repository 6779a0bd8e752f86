package gojs

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

const (
	pageSize           = 64 << 10
	defaultMemoryLimit = 128 << 20
	maxMemoryLimit     = 4<<30 - pageSize
)

// Program is a compiled GOOS=js program. Its instances share the code. It is safe for concurrent use.
type Program struct {
	runtime wazero.Runtime
	cache   wazero.CompilationCache
	code    wazero.CompiledModule

	mu        sync.Mutex
	closed    bool
	instances map[*Instance]struct{}
}

// Compile compiles a program. It fails with an error that names the import or export when wasm is not a GOOS=js
// program, or one that imports what neither this package nor opts provide.
func Compile(ctx context.Context, wasm []byte, opts CompileOptions) (_ *Program, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("gojs: compile: %w", err)
		}
	}()
	limit := opts.MemoryLimit
	if limit == 0 {
		limit = defaultMemoryLimit
	}
	if limit < pageSize || limit > maxMemoryLimit {
		return nil, fmt.Errorf("memory limit of %d bytes: want %d to %d", limit, pageSize, int64(maxMemoryLimit))
	}
	config := wazero.NewRuntimeConfigCompiler().
		WithMemoryLimitPages(uint32(limit / pageSize)).
		WithDebugInfoEnabled(false)
	p := &Program{instances: make(map[*Instance]struct{})}
	if opts.CacheDir != "" {
		if p.cache, err = wazero.NewCompilationCacheWithDir(opts.CacheDir); err != nil {
			return nil, err
		}
		config = config.WithCompilationCache(p.cache)
	}
	p.runtime = wazero.NewRuntimeWithConfig(ctx, config)
	defer func() {
		if err != nil {
			_ = p.closeRuntime(ctx)
		}
	}()
	ctx = experimental.WithCompilationWorkers(ctx, runtime.GOMAXPROCS(0))
	if p.code, err = p.runtime.CompileModule(ctx, mergeData(wasm)); err != nil {
		return nil, err
	}
	if err = p.hostModules(ctx, opts); err != nil {
		return nil, err
	}
	if err = p.check(); err != nil {
		return nil, err
	}
	return p, nil
}

// hostModules makes what the program imports from.
func (p *Program) hostModules(ctx context.Context, opts CompileOptions) error {
	gojs := p.runtime.NewHostModuleBuilder("gojs")
	for name, f := range imports {
		gojs.NewFunctionBuilder().
			WithGoModuleFunction(hostFunc(f), []api.ValueType{api.ValueTypeI32}, nil).
			Export(name)
	}
	if _, err := gojs.Instantiate(ctx); err != nil {
		return err
	}
	workers := p.runtime.NewHostModuleBuilder("workers")
	workers.NewFunctionBuilder().
		WithGoFunction(api.GoFunc(func(ctx context.Context, _ []uint64) { instanceFrom(ctx).ready = true }), nil, nil).
		Export("ready")
	if _, err := workers.Instantiate(ctx); err != nil {
		return err
	}
	if opts.Module == nil {
		return nil
	}
	extra := p.runtime.NewHostModuleBuilder(opts.ModuleName)
	opts.Module(extra)
	_, err := extra.Instantiate(ctx)
	return err
}

// check compares the program's imports and exports with what it gets and must have.
func (p *Program) check() error {
	for _, f := range p.code.ImportedFunctions() {
		module, name, _ := f.Import()
		from := p.runtime.Module(module)
		if from == nil {
			return fmt.Errorf("the program imports %s.%s: there is no module %q", module, name, module)
		}
		got, ok := from.ExportedFunctionDefinitions()[name]
		if !ok {
			return fmt.Errorf("the program imports %s.%s, which module %q does not have", module, name, module)
		}
		if !slices.Equal(got.ParamTypes(), f.ParamTypes()) || !slices.Equal(got.ResultTypes(), f.ResultTypes()) {
			return fmt.Errorf("the program imports %s.%s with another signature", module, name)
		}
	}
	exports := p.code.ExportedFunctions()
	for _, name := range []string{"run", "resume", "getsp"} {
		if exports[name] == nil {
			return fmt.Errorf("the program does not export %s: it was not built with GOOS=js", name)
		}
	}
	if p.code.ExportedMemories()["mem"] == nil {
		return errors.New("the program does not export mem: it was not built with GOOS=js")
	}
	return nil
}

// Exports reports whether the program exports a function of that name.
func (p *Program) Exports(name string) bool { return p.code.ExportedFunctions()[name] != nil }

// Close closes all instances and frees the code. It waits for entries that are running.
func (p *Program) Close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	var open []*Instance
	for in := range p.instances {
		open = append(open, in)
	}
	p.mu.Unlock()
	for _, in := range open {
		in.Kill(ErrClosed)
	}
	for _, in := range open {
		select {
		case <-in.ended:
		case <-ctx.Done():
			// Freeing the code under an instance that still runs it would end the process.
			return fmt.Errorf("gojs: close: an instance does not return: %w", ctx.Err())
		}
	}
	return p.closeRuntime(ctx)
}

func (p *Program) closeRuntime(ctx context.Context) error {
	err := p.runtime.Close(ctx)
	if p.cache != nil {
		err = errors.Join(err, p.cache.Close(ctx))
	}
	return err
}

func (p *Program) add(in *Instance) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errors.New("gojs: program closed")
	}
	p.instances[in] = struct{}{}
	return nil
}

func (p *Program) remove(in *Instance) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.instances, in)
}
