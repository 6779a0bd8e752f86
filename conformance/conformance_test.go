package conformance_test

import (
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/hubbub-edge/hubbub/conformance"
	"github.com/hubbub-edge/hubbub/internal/testhost"
)

// heartbeat is short, since several cases wait for multiples of it.
const heartbeat = time.Second

// excluded is the one list of what a host is not held to, each with its reason. The
// hosts differ in nothing else, but for the words of the answer to what is no HTTP: see
// errorRequest.malformed.
var excluded = struct{ localRunner, workerd map[string]string }{}

// starter is testhost.LocalRunner or testhost.Workerd.
type starter func(testing.TB, testhost.Program, testhost.Options) *testhost.Host

func runApp(t *testing.T, start starter, exclude map[string]string) {
	host := start(t, testhost.App, testhost.Options{Vars: map[string]string{"HEARTBEAT": heartbeat.String()}})
	conformance.Run(t, host.URL(), conformance.Options{Heartbeat: heartbeat, RSS: host.RSS, Exclude: exclude})
}

func runTestWorker(t *testing.T, start starter, exclude map[string]string) {
	host := start(t, testhost.TestWorker, testhost.Options{Vars: map[string]string{"HEARTBEAT": heartbeat.String()}})
	conformance.Run(t, host.URL(), conformance.Options{
		Heartbeat: heartbeat, RSS: host.RSS, Exclude: exclude, NoSurface: true, Handler: true, Faults: true,
	})
}

// limitedHosts are the servers that the cases of the group Limited are run against.
var limitedHosts = []struct {
	name   string
	limits conformance.Limits
}{
	{"ages", conformance.Limits{MaxAge: 2 * time.Second, LogAge: 3 * time.Second}},
	{"sizes", conformance.Limits{
		Retry: 1234 * time.Millisecond, MaxSessions: 20, PublishRate: 100, MaxData: 8 << 10, LogCount: 50, LogBytes: 64 << 10,
	}},
	{"drop", conformance.Limits{Slow: "drop", LogCount: 256, LogBytes: 32 << 20}},
	{"coalesce", conformance.Limits{Slow: "coalesce"}},
}

// vars are the vars that configure a server with these limits.
func vars(l conformance.Limits) map[string]string {
	vars := map[string]string{"HEARTBEAT": heartbeat.String()}
	for name, d := range map[string]time.Duration{"MAX_AGE": l.MaxAge, "RETRY": l.Retry, "LOG_AGE": l.LogAge} {
		if d > 0 {
			vars[name] = d.String()
		}
	}
	for name, n := range map[string]int{
		"MAX_SESSIONS": l.MaxSessions, "PUBLISH_RATE": l.PublishRate, "MAX_DATA": l.MaxData, "LOG_COUNT": l.LogCount, "LOG_BYTES": l.LogBytes,
	} {
		if n > 0 {
			vars[name] = strconv.Itoa(n)
		}
	}
	if l.Slow != "" {
		vars["SLOW"] = l.Slow
	}
	return vars
}

func runLimits(t *testing.T, start starter, exclude map[string]string) {
	for _, h := range limitedHosts {
		t.Run(h.name, func(t *testing.T) {
			host := start(t, testhost.App, testhost.Options{Vars: vars(h.limits)})
			conformance.Run(t, host.URL(), conformance.Options{Heartbeat: heartbeat, Exclude: exclude, NoSurface: true, Limits: h.limits})
		})
	}
}

// A case whose limits no host has would never run.
func TestEveryLimitedCaseHasAHost(t *testing.T) {
	for _, c := range conformance.Cases() {
		if c.Group != conformance.Limited {
			continue
		}
		wanted := false
		for _, h := range limitedHosts {
			wanted = wanted || c.Needs(h.limits)
		}
		assert.True(t, wanted, "no host has the limits that %s needs", c.Name)
		assert.False(t, c.Needs(conformance.Limits{}), "%s needs no limit", c.Name)
	}
}

// The six are not parallel to each other: each loads the machine, and measures.

func TestLocalRunner(t *testing.T) { runApp(t, testhost.LocalRunner, excluded.localRunner) }

func TestWorkerd(t *testing.T) { runApp(t, testhost.Workerd, excluded.workerd) }

func TestLocalRunnerFaults(t *testing.T) {
	runTestWorker(t, testhost.LocalRunner, excluded.localRunner)
}

func TestWorkerdFaults(t *testing.T) { runTestWorker(t, testhost.Workerd, excluded.workerd) }

func TestLocalRunnerLimits(t *testing.T) {
	runLimits(t, testhost.LocalRunner, excluded.localRunner)
}

func TestWorkerdLimits(t *testing.T) { runLimits(t, testhost.Workerd, excluded.workerd) }

// TestURL runs the suite against a server that is already there, a deployed Worker for
// one: CONFORMANCE_URL is its base URL, CONFORMANCE_HEARTBEAT its interval ("1s"), and
// CONFORMANCE_PROGRAM=testworker adds the cases that need the test program.
func TestURL(t *testing.T) {
	url := os.Getenv("CONFORMANCE_URL")
	if url == "" {
		t.Log("CONFORMANCE_URL names no server")
		return
	}
	var opts conformance.Options
	if s := os.Getenv("CONFORMANCE_HEARTBEAT"); s != "" {
		interval, err := time.ParseDuration(s)
		if err != nil {
			t.Fatal(err)
		}
		opts.Heartbeat = interval
	}
	testProgram := os.Getenv("CONFORMANCE_PROGRAM") == "testworker"
	opts.Handler, opts.Faults = testProgram, testProgram
	conformance.Run(t, url, opts)
}
