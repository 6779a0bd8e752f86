package conformance_test

import (
	"os"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/conformance"
	"github.com/hubbub-edge/hubbub/internal/testhost"
)

// heartbeat is short, since several cases wait for multiples of it.
const heartbeat = time.Second

// excluded is the one list of what a host is not held to, each with its reason. The
// hosts differ in nothing else.
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

// The four are not parallel to each other: each loads the machine, and measures.

func TestLocalRunner(t *testing.T) { runApp(t, testhost.LocalRunner, excluded.localRunner) }

func TestWorkerd(t *testing.T) { runApp(t, testhost.Workerd, excluded.workerd) }

func TestLocalRunnerFaults(t *testing.T) {
	runTestWorker(t, testhost.LocalRunner, excluded.localRunner)
}

func TestWorkerdFaults(t *testing.T) { runTestWorker(t, testhost.Workerd, excluded.workerd) }

// TestURL runs the suite against a server that is already there, a deployed Worker for
// one: CONFORMANCE_URL is its base URL, CONFORMANCE_HEARTBEAT its interval ("1s"), and
// CONFORMANCE_PROGRAM=testworker adds the cases that need the test program.
func TestURL(t *testing.T) {
	url := os.Getenv("CONFORMANCE_URL")
	if url == "" {
		t.Skip("CONFORMANCE_URL names no server")
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
