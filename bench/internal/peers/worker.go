package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Workers on workerd that are not ours, or not all of ours.
var (
	// JavaScript answers as the app does to /healthz, in JavaScript alone.
	JavaScript Peer = worker{name: "pure JavaScript", main: "hello.mjs", build: buildHello, version: (*Env).workerdVersion}
	// Stock answers the same in Go, with net/http and the shim that syumai/workers generates.
	Stock Peer = worker{name: "syumai stock shim", main: "worker.mjs", build: buildStock, version: stockVersion}
	// Boot boots the app's program n times, one after the other, on GET /?n=n.
	Boot Peer = worker{name: "workerd", main: "boot.mjs", build: buildBoot, version: (*Env).workerdVersion}
)

// worker is a Worker of a few modules.
type worker struct {
	name, main string
	// build puts the modules into dir.
	build   func(ctx context.Context, env *Env, dir string) error
	version func(*Env) (string, error)
}

func (w worker) Name() string                     { return w.name }
func (w worker) Version(env *Env) (string, error) { return w.version(env) }

func (w worker) Start(ctx context.Context, env *Env) (*Server, error) {
	workerd, err := env.workerd()
	if err != nil {
		return nil, err
	}
	config, err := w.prepare(ctx, env)
	if err != nil {
		return nil, err
	}
	addr, err := FreeAddr()
	if err != nil {
		return nil, err
	}
	return serve(ctx, addr, workerd, "serve", config, "--socket-addr", "http="+addr)
}

// prepare builds the worker, once in a run, and returns the path of its configuration.
func (w worker) prepare(ctx context.Context, env *Env) (string, error) {
	dir, err := env.dir("worker-" + w.main)
	if err != nil {
		return "", err
	}
	config := filepath.Join(dir, "config.capnp")
	if _, err := os.Stat(config); err == nil {
		return config, nil
	}
	if err := w.build(ctx, env, dir); err != nil {
		return "", err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", fmt.Errorf("peers: %w", err)
	}
	names := []string{w.main}
	for _, e := range entries {
		if e.Name() != w.main {
			names = append(names, e.Name())
		}
	}
	if err := os.WriteFile(config, []byte(capnp(names)), 0o644); err != nil {
		return "", fmt.Errorf("peers: %w", err)
	}
	return config, nil
}

// capnp is the configuration of a Worker of these modules, the main one first.
func capnp(names []string) string {
	var modules []string
	for _, name := range names {
		kind := "esModule"
		if filepath.Ext(name) == ".wasm" {
			kind = "wasm"
		}
		modules = append(modules, fmt.Sprintf("    (name = %q, %s = embed %q),\n", name, kind, name))
	}
	return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")],
);

const worker :Workerd.Worker = (
  modules = [
` + strings.Join(modules, "") + `  ],
  compatibilityDate = "2026-11-01",
);
`
}

func buildHello(_ context.Context, env *Env, dir string) error {
	return env.copyFiles(dir, "bench/internal/peers/workers/hello.mjs")
}

func buildStock(ctx context.Context, env *Env, dir string) error {
	// The generator empties the folder first.
	if _, err := env.Tool(ctx, nil, "go", "run", "github.com/syumai/workers/cmd/workers-assets-gen", "-mode=go", "-o", dir); err != nil {
		return err
	}
	_, err := env.Tool(ctx, []string{"GOOS=js", "GOARCH=wasm"}, "go", "build", "-trimpath", "-ldflags=-s -w",
		"-o", filepath.Join(dir, "app.wasm"), "./bench/internal/peers/testdata/stock")
	return err
}

func stockVersion(env *Env) (string, error) {
	version, err := env.moduleVersion("github.com/syumai/workers")
	if err != nil {
		return "", err
	}
	workerd, err := env.workerdVersion()
	return version + ", " + workerd, err
}

func buildBoot(_ context.Context, env *Env, dir string) error {
	return env.copyFiles(dir, "bench/internal/peers/workers/boot.mjs", "build/wasm_exec.js", "build/app.wasm",
		"worker/shim/program.mjs", "worker/shim/abi.gen.mjs")
}

// copyFiles copies files of the checkout into dir.
func (e *Env) copyFiles(dir string, names ...string) error {
	for _, name := range names {
		b, err := os.ReadFile(filepath.Join(e.Root, filepath.FromSlash(name)))
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o644)
		}
		if err != nil {
			return fmt.Errorf("peers: %w", err)
		}
	}
	return nil
}
