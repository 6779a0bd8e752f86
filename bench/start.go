package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// start measures `make run`.
func (b *bench) start(ctx context.Context, s *Section) error {
	s.Title = "`make run` to the first byte of /healthz"
	s.Note = "Warm: nothing has changed since the last build. Cold: a clean clone of HEAD, Go's build cache and the runner's " +
		"compilation cache empty, modules downloaded. Both are clones, so that the state of your own runner is left alone."
	s.Labels = []string{"start"}
	s.Metrics = []Metric{{"seconds", "s (median)", 2}, {"runs", "runs", 0}}
	dir := filepath.Join(b.env.Temp, "clone")
	if _, err := b.env.Tool(ctx, nil, "git", "clone", "--quiet", b.env.Root, dir); err != nil {
		return err
	}
	modules, err := b.env.Tool(ctx, nil, "go", "env", "GOMODCACHE")
	if err != nil {
		return err
	}
	env := append(os.Environ(), "GOMODCACHE="+modules, "GOPROXY=off", "GOTOOLCHAIN=local")
	if b.cold {
		caches := filepath.Join(b.env.Temp, "caches")
		env = append(env, "GOCACHE="+filepath.Join(caches, "go-build"), "XDG_CACHE_HOME="+caches)
		cold, err := makeRun(ctx, dir, env)
		if err != nil {
			return err
		}
		row := s.row("cold")
		row.set("seconds", cold.Seconds())
		row.set("runs", 1)
		s.goal(Goal{What: "cold", Value: cold.Seconds(), Bound: 60, Unit: "s"})
	} else if _, err := makeRun(ctx, dir, env); err != nil { // builds
		return err
	}
	var warm []float64
	for range b.times(5) {
		took, err := makeRun(ctx, dir, env)
		if err != nil {
			return err
		}
		warm = append(warm, took.Seconds())
	}
	row := s.row("warm")
	row.set("seconds", median(warm))
	row.set("runs", float64(len(warm)))
	s.goal(Goal{What: "warm", Value: median(warm), Bound: 2, Unit: "s"})
	return nil
}

// makeRun runs `make run` in dir until it answers, and returns how long that took.
func makeRun(ctx context.Context, dir string, env []string) (took time.Duration, err error) {
	addr, err := peers.FreeAddr()
	if err != nil {
		return 0, err
	}
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	cmd := exec.Command("make", "run")
	cmd.Dir = dir
	cmd.Env = append(env, "ADDR=127.0.0.1", "PORT="+port)
	began := time.Now()
	p, err := peers.Launch(cmd)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	if err := p.WaitFor(ctx, answers(addr)); err != nil {
		return 0, err
	}
	return time.Since(began), nil
}

// answers is the condition that /healthz says ok.
func answers(addr string) func() error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: 10 * time.Second}
	return func() error {
		resp, err := client.Get("http://" + addr + "/healthz")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return fmt.Errorf("bench: /healthz is answered with %s", resp.Status)
		}
		return nil
	}
}
