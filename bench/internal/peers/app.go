package peers

import (
	"context"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/internal/testhost"
)

// The hosts of our own app.
var (
	// LocalRunner is the local runner.
	LocalRunner HubPeer = app{name: "local runner", start: testhost.LocalRunner, version: localRunnerVersion}
	// Workerd is workerd, with the bundle that would be deployed. Static assets are left out: on Cloudflare they
	// cost the program nothing, in workerd a hop.
	Workerd HubPeer = app{name: "workerd", start: testhost.Workerd, version: (*Env).workerdVersion}
)

// unlimited are vars that let the load decide: by default the app refuses events beyond a rate, and ends streams that
// are old.
var unlimited = map[string]string{"PUBLISH_RATE": "0", "MAX_AGE": "0"}

type app struct {
	name    string
	start   func(testing.TB, testhost.Program, testhost.Options) *testhost.Host
	version func(*Env) (string, error)
}

func (a app) Name() string                     { return a.name }
func (a app) Version(env *Env) (string, error) { return a.version(env) }

func (a app) Hub() Hub {
	return Hub{Subscribe: "/hubs/bench/events", Publish: "/hubs/bench/events", Connected: "connected"}
}

func (a app) Start(_ context.Context, env *Env) (*Server, error) {
	t := &tb{temp: env.Temp}
	var host *testhost.Host
	if err := t.try(func() { host = a.start(t, testhost.App, testhost.Options{NoAssets: true, Vars: unlimited}) }); err != nil {
		return nil, err
	}
	return &Server{
		Addr: strings.TrimPrefix(host.URL(), "http://"),
		PID:  host.PID(),
		kill: func() error { return t.try(host.Kill) },
		stop: func() error { t.close(); return nil },
		start: func(context.Context) (int, error) {
			err := t.try(host.Restart)
			return host.PID(), err
		},
	}, nil
}

func localRunnerVersion(env *Env) (string, error) {
	wazero, err := env.moduleVersion("github.com/tetratelabs/wazero")
	return "wazero " + wazero + ", " + runtime.Version(), err
}

func (e *Env) workerdVersion() (string, error) {
	workerd, err := e.workerd()
	if err != nil {
		return "", err
	}
	return e.Tool(context.Background(), nil, workerd, "--version")
}

// moduleVersion is the version of a module that go.mod asks for.
func (e *Env) moduleVersion(module string) (string, error) {
	return e.Tool(context.Background(), nil, "go", "list", "-m", "-f", "{{.Version}}", module)
}

// Wasm is the path of the app's Wasm, and Config of its wrangler.toml.
func (e *Env) Wasm() string   { return filepath.Join(e.Root, "build", "app.wasm") }
func (e *Env) Config() string { return filepath.Join(e.Root, "wrangler.toml") }
