package localrunner

import (
	"crypto/rand"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// brokenRand fails when it is told to. Without randomness no instance boots, and no turn goes on that asks for some.
type brokenRand struct{ broken atomic.Bool }

func (r *brokenRand) Read(p []byte) (int, error) {
	if r.broken.Load() {
		return 0, errors.New("no randomness, on purpose")
	}
	return rand.Read(p)
}

func TestInstanceLost(t *testing.T) {
	random := &brokenRand{}
	s := serve(t, Options{Rand: random, Isolates: 1})
	sub := s.subscribe("a")
	expect := func(data string) {
		t.Helper()
		s.publish("a", data)
		assert.Equal(t, data, sub.message().Data, "the stream has lived through it")
		assert.Equal(t, 1, s.info("a").Sessions)
	}

	t.Run("between two requests", func(t *testing.T) {
		s.isolates[0].inst.Kill(errors.New("on purpose"))
		expect("nobody has noticed")
	})
	t.Run("in a turn", func(t *testing.T) {
		random.broken.Store(true)
		_, err := s.trySubscribe("a")
		assert.ErrorContains(t, err, "status 503")
		assert.ErrorContains(t, err, "no randomness, on purpose")
		random.broken.Store(false)
		expect("after a turn")
	})
	t.Run("at the boot for a route", func(t *testing.T) {
		s.isolates[0].inst.Kill(errors.New("on purpose"))
		random.broken.Store(true)
		problem(t, s.do("GET", "/healthz", "", ""), 503, "the program did not start")
		random.broken.Store(false)
		expect("after a boot")
	})
	t.Run("at the boot for a wake", func(t *testing.T) {
		random.broken.Store(true)
		problem(t, s.do("POST", "/hubs/a/faults/exit", "", ""), 503, "os.Exit(3)")
		h := s.awake("a")
		j := &job{in: leaveOf(h, "nobody"), reply: make(chan reply, 1)}
		h.post(j)
		assert.ErrorContains(t, (<-j.reply).err, "the program did not start")
		random.broken.Store(false)
		expect("after a wake")
	})
	t.Run("for the handler", func(t *testing.T) {
		random.broken.Store(true)
		// The first one has no instance yet, the route turn does.
		problem(t, s.do("GET", "/handler/hello", "", ""), 503, "the program did not start")
		random.broken.Store(false)
		assert.Equal(t, 200, s.do("GET", "/handler/hello", "", "").StatusCode)
		require.Len(t, s.lease.idle, 1)
		s.lease.idle[0].Kill(errors.New("on purpose"))
		assert.Equal(t, 200, s.do("GET", "/handler/hello", "", "").StatusCode)
		assert.Len(t, s.lease.idle, 1)
	})
}

func TestRouteThatTraps(t *testing.T) {
	wasm := tinyProgram{exports: true, describe: describes("Hub")}.write(t)
	s := serve(t, Options{Config: writeConfig(t, wasm, ""), Isolates: 1})
	for range 3 {
		assert.Equal(t, 503, s.do("GET", "/", "", "").StatusCode)
	}
}

func TestHandlerThatTheProgramDoesNotHave(t *testing.T) {
	wasm := tinyProgram{exports: true, describe: describes("Hub"), routes: true}.write(t)
	s := serve(t, Options{Config: writeConfig(t, wasm, "")})
	a := s.do("GET", "/", "", "")
	assert.Equal(t, 503, a.StatusCode)
	assert.Contains(t, a.body, "workers.Serve was not called")
}
