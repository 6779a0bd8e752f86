package gojs

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"
)

func TestStartFailsWhenTheProgramDoesNotBecomeReady(t *testing.T) {
	for boot, want := range map[string]string{
		"exit":  "the program called os.Exit(7)",
		"panic": "the program ended with panic: no boot today",
	} {
		t.Run(boot, func(t *testing.T) {
			_, err := guest().program.Start(t.Context(), Config{Env: map[string]string{"BOOT": boot}})
			require.ErrorIs(t, err, ErrNotReady)
			require.ErrorIs(t, err, ErrLost)
			assert.ErrorContains(t, err, want)
		})
	}
	t.Run("never", func(t *testing.T) {
		stdout := &syncBuffer{}
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := guest().program.Start(ctx, Config{Env: map[string]string{"BOOT": "never"}, Stdout: stdout})
		require.ErrorIs(t, err, ErrNotReady)
		assert.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestStartWaitsForAProgramThatSleepsFirst(t *testing.T) {
	clock := newFakeClock()
	started := make(chan *Instance)
	go func() {
		in, err := guest().program.Start(context.Background(), Config{Env: map[string]string{"BOOT": "sleep"}, Clock: clock})
		assert.NoError(t, err)
		started <- in
	}()
	for clock.pending() == 0 {
		<-clock.armed
	}
	clock.advance(time.Minute)
	require.NoError(t, (<-started).Close())
}

func TestDoCallsExports(t *testing.T) {
	hooked := 0
	in := start(t, Config{Value: func() { hooked++ }})
	sum, err := call(in, "guest_add", 40, 2)
	require.NoError(t, err)
	assert.EqualValues(t, 42, sum)
	twice, err := call(in, "guest_double", 21)
	require.NoError(t, err)
	assert.EqualValues(t, 42, twice)
	assert.Equal(t, 1, hooked, "the host function of the extra module found the instance's value")
}

func TestPrintingInATurn(t *testing.T) {
	stdout := &syncBuffer{}
	in := start(t, Config{Stdout: stdout})
	ok, err := call(in, "guest_print")
	require.NoError(t, err)
	assert.EqualValues(t, 1, ok)
	assert.Equal(t, "printed in a turn\n", stdout.String())
}

func TestDoHonoursItsContext(t *testing.T) {
	in := start(t, Config{})
	entered, leave := make(chan struct{}), make(chan struct{})
	go in.Do(context.Background(), func(context.Context, api.Module) error {
		close(entered)
		<-leave
		return nil
	})
	<-entered
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := in.Do(ctx, func(context.Context, api.Module) error { panic("must not run") })
	require.ErrorIs(t, err, context.Canceled)
	close(leave)
	settle(t, in)
}

func TestLosingAnInstance(t *testing.T) {
	mine := errors.New("no sentinel")
	cases := map[string]struct {
		fn    func(in *Instance) error
		check func(t *testing.T, err error)
		text  string
	}{
		"exit": {
			fn: func(in *Instance) error { _, err := call(in, "guest_exit"); return err },
			check: func(t *testing.T, err error) {
				var exit *ExitError
				require.ErrorAs(t, err, &exit)
				assert.Equal(t, 4, exit.Code)
			},
			text: "gojs: instance lost: the program called os.Exit(4)",
		},
		"exit below other calls": {
			fn:   func(in *Instance) error { _, err := call(in, "guest_exit_nested"); return err },
			text: "gojs: instance lost: the program called os.Exit(5)",
		},
		"panic": {
			fn: func(in *Instance) error { _, err := call(in, "guest_panic"); return err },
			check: func(t *testing.T, err error) {
				var lost *LostError
				require.ErrorAs(t, err, &lost)
				assert.Contains(t, lost.Stderr, "panic: a broken turn")
				assert.Contains(t, lost.Stderr, "guestPanic")
			},
			text: "gojs: instance lost: the program ended with panic: a broken turn",
		},
		"trap": {
			fn: func(in *Instance) error { _, err := call(in, "guest_trap"); return err },
			check: func(t *testing.T, err error) {
				var trap *TrapError
				require.ErrorAs(t, err, &trap)
				assert.Contains(t, trap.Trace, "main.trap")
			},
			text: "gojs: instance lost: trap: out of bounds memory access",
		},
		"stack overflow": {
			fn:    func(in *Instance) error { _, err := call(in, "guest_recurse"); return err },
			check: func(t *testing.T, err error) { assert.ErrorIs(t, err, ErrStackOverflow) },
			text:  "gojs: instance lost: stack overflow",
		},
		"block": {
			fn: func(in *Instance) error {
				return in.Do(context.Background(), func(ctx context.Context, m api.Module) error {
					stack := []uint64{0}
					if err := m.ExportedFunction("guest_block").CallWithStack(ctx, stack); err != nil {
						return err
					}
					if stack[0] != 1 {
						return ErrBlocked
					}
					return nil
				})
			},
			check: func(t *testing.T, err error) { assert.ErrorIs(t, err, ErrBlocked) },
			text:  "gojs: instance lost: the export returned before its function had finished: it blocked",
		},
		"the caller's verdict": {
			fn: func(in *Instance) error {
				return in.Do(context.Background(), func(context.Context, api.Module) error { return mine })
			},
			check: func(t *testing.T, err error) { assert.ErrorIs(t, err, mine) },
			text:  "gojs: instance lost: no sentinel",
		},
		"a panic of the host": {
			fn: func(in *Instance) error {
				return in.Do(context.Background(), func(context.Context, api.Module) error { panic("oops") })
			},
			text: "gojs: instance lost: the host panicked: oops",
		},
		"kill": {
			fn: func(in *Instance) error {
				in.Kill(mine)
				_, err := call(in, "guest_add", 1, 1)
				return err
			},
			text: "gojs: instance lost: no sentinel",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			in := start(t, Config{})
			err := c.fn(in)
			require.ErrorIs(t, err, ErrLost)
			assert.True(t, strings.HasPrefix(err.Error(), c.text), err.Error())
			if c.check != nil {
				c.check(t, err)
			}
			<-in.Done()
			require.Equal(t, err, in.Err())
			_, again := call(in, "guest_add", 1, 1)
			require.Equal(t, err, again, "the first cause stays")
		})
	}
}

func TestMemoryThatEndsWhileAStackGrowsIsAStackOverflow(t *testing.T) {
	opts := testOptions(guest().cacheDir())
	opts.MemoryLimit = 24 << 20
	p, err := Compile(t.Context(), guest().wasm, opts)
	require.NoError(t, err)
	defer func() { require.NoError(t, p.Close(context.Background())) }()
	in, err := p.Start(t.Context(), Config{})
	require.NoError(t, err)
	_, err = call(in, "guest_recurse")
	require.ErrorIs(t, err, ErrStackOverflow)
	assert.ErrorContains(t, err, "stack overflow (fatal error: out of memory)")
}

func TestKillReleasesACallerOfAStuckProgram(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	in := start(t, Config{Value: func() { close(entered); <-leave }})
	failed := make(chan error)
	go func() {
		_, err := call(in, "guest_double", 1)
		failed <- err
	}()
	<-entered
	stuck := errors.New("stuck")
	in.Kill(stuck)
	require.ErrorIs(t, <-failed, stuck)
	close(leave)
}

func TestProgramCloseClosesInstances(t *testing.T) {
	p, err := Compile(t.Context(), guest().wasm, testOptions(guest().cacheDir()))
	require.NoError(t, err)
	in, err := p.Start(t.Context(), Config{})
	require.NoError(t, err)
	require.NoError(t, p.Close(t.Context()))
	require.ErrorIs(t, in.Err(), ErrClosed)
	_, err = p.Start(t.Context(), Config{})
	require.Error(t, err)
}

func TestCompileNamesWhatIsWrong(t *testing.T) {
	_, err := Compile(t.Context(), []byte("not wasm"), CompileOptions{})
	assert.ErrorContains(t, err, "gojs: compile: ")
	_, err = Compile(t.Context(), []byte("\x00asm\x01\x00\x00\x00"), CompileOptions{})
	assert.ErrorContains(t, err, "the program does not export run: it was not built with GOOS=js")
	_, err = Compile(t.Context(), guest().wasm, CompileOptions{CacheDir: guest().cacheDir()})
	assert.ErrorContains(t, err, `the program imports testhost.double: there is no module "testhost"`)
	_, err = Compile(t.Context(), guest().wasm, CompileOptions{MemoryLimit: 1})
	assert.ErrorContains(t, err, "memory limit")
}
