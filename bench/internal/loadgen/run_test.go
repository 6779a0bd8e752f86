package loadgen

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pollers are all that there are on this system.
var pollers = map[string]func(t *testing.T){
	"best": func(*testing.T) {},
	"readers": func(t *testing.T) {
		best := newPoller
		newPoller = newReaders
		t.Cleanup(func() { newPoller = best })
	},
}

func gather(t *testing.T, s *testServer, clients, publishers int) (*Audience, *Crowd) {
	t.Helper()
	a, err := Connect(t.Context(), s.addr(), "/events", "connected", clients)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, a.Close()) })
	c, err := NewCrowd(a, s.addr(), "/events", publishers, 100)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return a, c
}

func TestRun(t *testing.T) {
	for name, use := range pollers {
		t.Run(name, func(t *testing.T) {
			use(t)
			s := newTestServer(t)
			a, c := gather(t, s, 20, 4)
			require.Equal(t, 20, a.Size())
			for _, load := range []Load{
				{Outstanding: 1, Duration: 20 * time.Millisecond},
				{Outstanding: 4, Warmup: 5 * time.Millisecond, Duration: 20 * time.Millisecond},
				{Rate: 1000, Duration: 20 * time.Millisecond},
			} {
				probed := 0
				r, err := Run(t.Context(), c, load, func() { probed++ })
				require.NoError(t, err, load)
				assert.Equal(t, 2, probed)
				assert.Zero(t, r.Faults)
				assert.Positive(t, r.Deliveries)
				assert.Positive(t, r.PerSecond())
				assert.Positive(t, r.Latencies.Percentile(50))
				assert.Zero(t, r.Latencies.Count()%20, "all deliveries of an event count, or none")
			}
		})
	}
}

func TestRunFindsFaults(t *testing.T) {
	// In the closed loop the first publisher would wait for what never comes, so events come at a rate.
	load := Load{Rate: 1000, Duration: 20 * time.Millisecond}
	for _, c := range []struct {
		name    string
		deliver func(i int, event string) []string
		count   func(Faults) int64
	}{
		{"doubled", func(i int, event string) []string {
			if i == 2 {
				return []string{event, event}
			}
			return []string{event}
		}, func(f Faults) int64 { return f.Doubled }},
		{"changed", func(i int, event string) []string { return []string{strings.ToUpper(event)} }, func(f Faults) int64 { return f.Malformed }},
		{"not a mark", func(i int, event string) []string { return []string{"x", event} }, func(f Faults) int64 { return f.Malformed }},
		{"another order", func() func(i int, event string) []string {
			held := ""
			return func(i int, event string) []string {
				if i != 2 {
					return []string{event}
				}
				if held == "" {
					held = event
					return nil
				}
				list := []string{event, held}
				held = ""
				return list
			}
		}(), func(f Faults) int64 { return f.Disagree + f.Doubled }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newTestServer(t)
			s.deliver = c.deliver
			_, crowd := gather(t, s, 4, 2)
			// What is missing is waited for; the test has no patience for that.
			r := runImpatiently(t, crowd, load)
			assert.Positive(t, c.count(r.Faults), "%+v", r.Faults)
		})
	}

	t.Run("missing", func(t *testing.T) {
		s := newTestServer(t)
		s.deliver = func(i int, event string) []string {
			if i == 0 {
				return nil
			}
			return []string{event}
		}
		_, crowd := gather(t, s, 4, 2)
		r := runImpatiently(t, crowd, load)
		assert.Equal(t, crowd.published(), r.Faults.Missing)
		assert.Positive(t, r.Faults.Disagree, "one has seen less than the others")
	})

	t.Run("lost", func(t *testing.T) {
		s := newTestServer(t)
		a, crowd := gather(t, s, 4, 2)
		s.mu.Lock()
		close(s.subs[0])
		s.subs = s.subs[1:]
		s.mu.Unlock()
		require.Eventually(t, func() bool { return a.check(0).Lost == 1 }, 5*time.Second, time.Millisecond)
		r := runImpatiently(t, crowd, load)
		assert.Equal(t, crowd.published(), r.Faults.Missing)
	})
}

// runImpatiently waits no longer than a moment for what is missing.
func runImpatiently(t *testing.T, c *Crowd, load Load) *Result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), load.Duration+200*time.Millisecond)
	defer cancel()
	r, err := Run(ctx, c, load, func() {})
	if !errors.Is(err, context.DeadlineExceeded) {
		require.NoError(t, err)
	}
	require.NotNil(t, r)
	return r
}

func TestRunReportsFailedPublishes(t *testing.T) {
	s := newTestServer(t)
	_, c := gather(t, s, 2, 2)
	s.status = 500
	for _, load := range []Load{{Outstanding: 1, Duration: time.Minute}, {Rate: 100, Duration: time.Minute}, {Outstanding: 3, Duration: time.Minute}} {
		_, err := Run(t.Context(), c, load, func() {})
		require.Error(t, err, load)
	}
}

func TestConnectReportsWhoDidNotJoin(t *testing.T) {
	s := newTestServer(t)
	s.status = 503
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := Connect(ctx, s.addr(), "/events", "connected", 3)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorContains(t, err, "0 of 3")

	s.status = 0
	_, err = NewCrowd(&Audience{}, s.addr(), "/events", MaxPublishers+1, 100)
	require.Error(t, err)
}

func TestConnectWithoutAnEventThatTells(t *testing.T) {
	s := newTestServer(t)
	a, err := Connect(t.Context(), s.addr(), "/events", "", 3)
	require.NoError(t, err)
	require.NoError(t, a.Close())
}

func TestHammer(t *testing.T) {
	s := newTestServer(t)
	r, err := Hammer(t.Context(), s.addr(), "/ok", "ok", 4, 0, 20*time.Millisecond, func() {})
	require.NoError(t, err)
	assert.Positive(t, r.Count)
	assert.Positive(t, r.PerSecond())
	assert.Equal(t, r.Count, r.Latencies.Count())

	large := strings.Repeat("x", 10_000) + strings.Repeat("y", 10_000)
	_, err = Hammer(t.Context(), s.addr(), "/large", large, 2, 0, 5*time.Millisecond, func() {})
	require.NoError(t, err, "a body in chunks")

	_, err = Hammer(t.Context(), s.addr(), "/ok", "other", 4, 0, time.Minute, func() {})
	require.ErrorContains(t, err, "answered with 200")
}

func TestPublish(t *testing.T) {
	s := newTestServer(t)
	r, err := Publish(t.Context(), s.addr(), []string{"/events", "/events?more"}, 4, 100, time.Millisecond, 20*time.Millisecond)
	require.NoError(t, err)
	assert.Positive(t, r.Count)
	assert.Equal(t, r.Count, r.Latencies.Count())
	assert.GreaterOrEqual(t, r.Total, r.Count)
	assert.Equal(t, s.events.Load(), r.Total, "every answer counts")

	_, err = Publish(t.Context(), s.addr(), []string{"/ok"}, 4, 100, 0, time.Minute)
	require.ErrorContains(t, err, "an event to /ok was answered with 405")
	s.status = 429
	_, err = Publish(t.Context(), s.addr(), []string{"/events"}, 4, 100, 0, time.Minute)
	require.ErrorContains(t, err, "answered with 429")
}
