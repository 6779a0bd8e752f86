package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// Environment is what figures depend on, beside the program.
type Environment struct {
	Time     time.Time         `json:"time"`
	Commit   string            `json:"commit"` // of the checkout; "+" when files have changed since
	Go       string            `json:"go"`
	Platform string            `json:"platform"`
	CPU      string            `json:"cpu"`
	Cores    int               `json:"cores"`
	Load     string            `json:"load"` // the load averages before the run
	Peers    map[string]string `json:"peers"`
	names    []string          // of the peers, in their order
}

func environment(ctx context.Context, env *peers.Env, list ...peers.Peer) (e Environment) {
	e = Environment{
		Time:     time.Now(),
		Go:       runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPU:      "unknown",
		Cores:    runtime.NumCPU(),
		Load:     "unknown",
		Peers:    map[string]string{},
	}
	if b, err := os.ReadFile("/proc/loadavg"); err == nil {
		e.Load = strings.Join(strings.Fields(string(b))[:3], " ")
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		e.CPU = cpuModel(b)
	}
	commit, err := env.Tool(ctx, nil, "git", "describe", "--always", "--dirty=+")
	if err != nil {
		commit = "unknown"
	}
	e.Commit = commit
	for _, p := range list {
		version, err := p.Version(env)
		if err != nil {
			version = "unknown"
		}
		e.names = append(e.names, p.Name())
		e.Peers[p.Name()] = version
	}
	return e
}

func cpuModel(cpuinfo []byte) string {
	for lines := bufio.NewScanner(bytes.NewReader(cpuinfo)); lines.Scan(); {
		if name, value, _ := strings.Cut(lines.Text(), ":"); strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// Markdown says it in a few lines.
func (e *Environment) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, commit %s, %s on %s, %s, %d cores; load averages before the run %s.\n",
		e.Time.UTC().Format("2006-01-02 15:04 UTC"), e.Commit, e.Go, e.Platform, e.CPU, e.Cores, e.Load)
	b.WriteString("Clients and servers share these cores, with whatever else ran: the figures are noisy, and good for ratios only.\n\n")
	for _, name := range e.names {
		fmt.Fprintf(&b, "* %s: %s\n", name, e.Peers[name])
	}
	return b.String()
}
