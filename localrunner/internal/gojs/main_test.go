package gojs

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// guestProgram is the program of testdata/guest.
type guestProgram struct {
	dir     string
	wasm    []byte
	program *Program
}

// guest builds it when a test needs it for the first time.
var guest = sync.OnceValue(func() *guestProgram {
	g, err := buildGuest()
	if err != nil {
		panic(err)
	}
	return g
})

var built *guestProgram

func TestMain(m *testing.M) {
	code := m.Run()
	if built != nil {
		if err := built.program.Close(context.Background()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
		os.RemoveAll(built.dir)
	}
	os.Exit(code)
}

func buildGuest() (g *guestProgram, err error) {
	g = &guestProgram{}
	if g.dir, err = os.MkdirTemp("", "gojs"); err != nil {
		return nil, err
	}
	file := filepath.Join(g.dir, "guest.wasm")
	build := exec.Command("go", "build", "-o", file, "./testdata/guest")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the guest: %w\n%s", err, out)
	}
	if g.wasm, err = os.ReadFile(file); err != nil {
		return nil, err
	}
	g.program, err = Compile(context.Background(), g.wasm, testOptions(g.cacheDir()))
	built = g
	return g, err
}

func (g *guestProgram) cacheDir() string { return filepath.Join(g.dir, "cache") }

func testOptions(cacheDir string) CompileOptions {
	return CompileOptions{
		CacheDir:   cacheDir,
		ModuleName: "testhost",
		Module: func(b wazero.HostModuleBuilder) {
			b.NewFunctionBuilder().
				WithGoFunction(api.GoFunc(func(ctx context.Context, stack []uint64) {
					if hook, ok := ValueFrom(ctx).(func()); ok {
						hook()
					}
					stack[0] = api.EncodeI32(api.DecodeI32(stack[0]) * 2)
				}), []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI32}).
				Export("double")
		},
	}
}

func start(t testing.TB, cfg Config) *Instance {
	t.Helper()
	if cfg.Stderr == nil {
		cfg.Stderr = t.Output()
	}
	if cfg.Env == nil {
		// A stack of the default limit, 1 GB, takes seconds to fill.
		cfg.Env = map[string]string{"MAXSTACK": "1000000"}
	}
	in, err := guest().program.Start(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, in.Close()) })
	return in
}

// syncBuffer is a writer to read from while it is written.
type syncBuffer struct {
	mu   sync.Mutex
	data []byte
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.data = append(b.data, p...)
	return len(p), nil
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.data)
}

// fakeClock stands still until it is advanced.
type fakeClock struct {
	mu     sync.Mutex
	now    time.Time
	timers []*fakeTimer
	armed  chan struct{} // gets a value for each new timer, as far as there is room
}

type fakeTimer struct {
	at time.Time
	f  func()
}

func newFakeClock() *fakeClock {
	return &fakeClock{now: time.Date(2026, 1, 2, 3, 4, 5, 678, time.UTC), armed: make(chan struct{}, 1000)}
}

func (c *fakeClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *fakeClock) AfterFunc(d time.Duration, f func()) func() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := &fakeTimer{c.now.Add(d), f}
	c.timers = append(c.timers, t)
	select {
	case c.armed <- struct{}{}:
	default:
	}
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		for i, other := range c.timers {
			if other == t {
				c.timers = append(c.timers[:i], c.timers[i+1:]...)
				return true
			}
		}
		return false
	}
}

// advance moves the clock and fires what is due, in order.
func (c *fakeClock) advance(d time.Duration) {
	c.mu.Lock()
	c.now = c.now.Add(d)
	var due, rest []*fakeTimer
	for _, t := range c.timers {
		if t.at.After(c.now) {
			rest = append(rest, t)
		} else {
			due = append(due, t)
		}
	}
	c.timers = rest
	sort.SliceStable(due, func(i, j int) bool { return due[i].at.Before(due[j].at) })
	c.mu.Unlock()
	for _, t := range due {
		t.f()
	}
}

// pending is the number of timers that have not fired.
func (c *fakeClock) pending() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.timers)
}

// call runs an export of the guest that takes and returns i32s.
func call(in *Instance, name string, args ...uint64) (int32, error) {
	var res int32
	err := in.Do(context.Background(), func(ctx context.Context, m api.Module) error {
		stack := make([]uint64, max(1, len(args)))
		copy(stack, args)
		if err := m.ExportedFunction(name).CallWithStack(ctx, stack); err != nil {
			return err
		}
		res = api.DecodeI32(stack[0])
		return nil
	})
	return res, err
}

// settle waits until the instance has run what was queued before.
func settle(t testing.TB, in *Instance) {
	t.Helper()
	require.NoError(t, in.Do(context.Background(), func(context.Context, api.Module) error { return nil }))
}
