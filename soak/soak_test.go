package soak_test

import (
	"context"
	"flag"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/internal/testhost"
	"github.com/hubbub-edge/hubbub/soak"
	"github.com/stretchr/testify/assert"
)

var (
	kills        = flag.Int("kills", 8, "how often the local runner is killed")
	workerdKills = flag.Int("workerd-kills", 3, "how often workerd is killed")
	seed         = flag.Uint64("seed", 0, "the seed of a run to repeat; 0 for a new one")
)

// TestLocalRunner and TestWorkerd are not parallel to each other: kills come under load, not while hosts wait for the
// machine.
func TestLocalRunner(t *testing.T) { run(t, testhost.LocalRunner, *kills) }

func TestWorkerd(t *testing.T) { run(t, testhost.Workerd, *workerdKills) }

// run divides the kills among streams that last and streams that the host ends all the time.
func run(t *testing.T, start func(testing.TB, testhost.Program, testhost.Options) *testhost.Host, kills int) {
	t.Run("lasting", func(t *testing.T) { soakHost(t, start, "0", kills-kills/2) })
	t.Run("aging", func(t *testing.T) { soakHost(t, start, "700ms", kills/2) })
}

func soakHost(t *testing.T, start func(testing.TB, testhost.Program, testhost.Options) *testhost.Host, maxAge string, kills int) {
	if kills == 0 {
		t.Skip("no kills")
	}
	host := start(t, testhost.App, testhost.Options{Vars: map[string]string{
		"HEARTBEAT": "1s", "MAX_AGE": maxAge,
		// No limit may be the reason why something is not there.
		"PUBLISH_RATE": "0", "LOG_COUNT": "1000000", "LOG_BYTES": "1000000000", "SESSION_BUFFER": "100000000",
	}})
	opts := soak.Options{Seed: *seed, Kills: kills}
	for opts.Seed == 0 {
		opts.Seed = rand.Uint64()
	}
	// Ends before the test binary would be killed, and with it the report.
	ctx := t.Context()
	if deadline, ok := t.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, deadline.Add(-15*time.Second))
		defer cancel()
	}
	t.Logf("seed %d", opts.Seed)
	report, err := soak.Run(ctx, host, opts)
	t.Log(report)
	if err != nil {
		t.Fatalf("go test ./soak -run '^%s$' -seed %d -kills %d -workerd-kills %[3]d repeats this:\n%[4]v\noutput of the host before:\n%[5]s",
			strings.ReplaceAll(t.Name(), "/", "$/^"), opts.Seed, 2*kills, err, strings.Join(report.Outputs, "\n--- killed ---\n"))
	}
	assert.Equal(t, kills, report.Kills)
	// A load that was not there would hide everything.
	assert.Greater(t, report.Acknowledged(), int64(20*kills))
	assert.Greater(t, report.Resumed(), int64(10*kills))
	assert.Positive(t, report.Lost())
}
