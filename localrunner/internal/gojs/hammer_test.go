package gojs

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"
)

// TestOnlyOneGoroutineEnters drives an instance from all sides at once: exports from 16 goroutines, timers that fire
// meanwhile, requests whose bodies arrive in pieces. The race detector sees the host's side of each entry, and a
// second entry into the program would corrupt its runtime.
func TestOnlyOneGoroutineEnters(t *testing.T) {
	var inside atomic.Int32
	in := start(t, Config{Value: func() {
		if inside.Add(1) != 1 {
			t.Error("entered twice")
		}
		inside.Add(-1)
	}})
	srv := serve(t, in)
	var wg sync.WaitGroup
	turns := 0 // guarded by the instance's goroutine alone
	for range 16 {
		wg.Go(func() {
			for i := range 50 {
				err := in.Do(context.Background(), func(ctx context.Context, m api.Module) error {
					turns++
					stack := []uint64{uint64(i)}
					if err := m.ExportedFunction("guest_double").CallWithStack(ctx, stack); err != nil {
						return err
					}
					if int(stack[0]) != i*2 {
						return fmt.Errorf("got %d for %d", stack[0], i)
					}
					return nil
				})
				if !assert.NoError(t, err) {
					return
				}
			}
		})
	}
	sent := bytes.Repeat([]byte("0123456789abcdef"), 8<<10)
	for range 4 {
		wg.Go(func() {
			for range 5 {
				body, feed := io.Pipe()
				go func() {
					for rest := sent; len(rest) > 0; {
						n := min(10_000, len(rest))
						feed.Write(rest[:n])
						rest = rest[n:]
					}
					feed.Close()
				}()
				res, err := http.Post(srv.URL+"/echo", "text/plain", body)
				if !assert.NoError(t, err) {
					return
				}
				got, err := io.ReadAll(res.Body)
				res.Body.Close()
				assert.NoError(t, err)
				assert.True(t, bytes.Equal(sent, got))
			}
		})
	}
	for range 4 {
		wg.Go(func() {
			// The program's own timers.
			for range 10 {
				res, err := http.Get(srv.URL + "/nap")
				if assert.NoError(t, err) {
					res.Body.Close()
				}
			}
		})
	}
	wg.Wait()
	settle(t, in)
	assert.Equal(t, 16*50, turns)
}

// TestReferencesAreGivenBack uses requests without a body: of one with a body, syumai/workers v0.33.0 itself keeps the
// functions for the outcomes that did not happen, on every host.
func TestReferencesAreGivenBack(t *testing.T) {
	in := start(t, Config{})
	request := func() {
		w := httptest.NewRecorder()
		in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/hello?name=x", nil))
		require.Equal(t, "hello x", w.Body.String())
	}
	// live lets the program collect its garbage, run finalizers, and collect what those kept.
	live := func() int {
		n := 0
		for range 3 {
			_, err := call(in, "guest_gc")
			require.NoError(t, err)
			w := httptest.NewRecorder()
			in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/env", nil)) // the finalizers' chance to run
		}
		require.NoError(t, in.Do(t.Context(), func(context.Context, api.Module) error {
			n = in.refs.live()
			return nil
		}))
		return n
	}
	for range 50 {
		request()
	}
	before := live()
	for range 1000 {
		request()
	}
	after := live()
	t.Logf("references: %d, and %d after 1,000 requests", before, after)
	assert.LessOrEqual(t, after, before+5)
	assert.LessOrEqual(t, len(in.timers), 1, "at most the scheduler's own")
}

func BenchmarkBoot(b *testing.B) {
	for b.Loop() {
		in, err := guest().program.Start(context.Background(), Config{})
		require.NoError(b, err)
		require.NoError(b, in.Close())
	}
}

func BenchmarkDo(b *testing.B) {
	in := start(b, Config{})
	var add api.Function
	require.NoError(b, in.Do(context.Background(), func(_ context.Context, m api.Module) error {
		add = m.ExportedFunction("guest_add")
		return nil
	}))
	stack := make([]uint64, 2)
	turn := func(ctx context.Context, _ api.Module) error {
		stack[0], stack[1] = 40, 2
		return add.CallWithStack(ctx, stack)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := in.Do(context.Background(), turn); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	in := start(b, Config{})
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/env", nil))
	}
}

func BenchmarkRealm(b *testing.B) {
	cfg := Config{}.withDefaults()
	b.ReportAllocs()
	for b.Loop() {
		newRealm(&cfg, io.Discard, nil)
	}
}
