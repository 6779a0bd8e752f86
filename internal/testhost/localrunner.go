package testhost

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// listeningPrefix starts the line that the local runner's command prints on stdout for
// each address that it listens on.
const listeningPrefix = "listening on http://"

// LocalRunner starts the local runner's command with the program.
func LocalRunner(t testing.TB, p Program, opts Options) *Host {
	t.Helper()
	root := root(t)
	if err := buildWasm(root, p); err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(root, "build", "hubbub")
	err := once("localrunner", root, func() error {
		return runTool(root, "go", "build", "-o", bin, "./localrunner/cmd/hubbub")
	})
	if err != nil {
		t.Fatal(err)
	}
	return start(t, command{
		name:      bin,
		dir:       root,
		args:      runArgs(p.config(root), opts.storage(t), opts.Vars),
		listening: announced,
	})
}

// runArgs are the flags of the local runner's command.
func runArgs(config, storage string, vars map[string]string) func(addr string) []string {
	return func(addr string) []string {
		args := []string{"run", "--no-build", "--config", config, "--addr", addr, "--storage", storage}
		for _, name := range slices.Sorted(maps.Keys(vars)) {
			args = append(args, "--var", name+"="+vars[name])
		}
		return args
	}
}

func announced(line string) (string, bool) {
	addr, ok := strings.CutPrefix(line, listeningPrefix)
	return strings.TrimSuffix(strings.TrimSpace(addr), "/"), ok
}
