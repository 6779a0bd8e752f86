package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/bench/internal/peers"
)

// boot measures the start of instances and of workerd.
func (b *bench) boot(ctx context.Context, s *Section) error {
	s.Title = "Boot"
	s.Note = "Wazero: an idle local runner with many isolates boots one for each of the first requests; the time of those, " +
		"less that of the requests behind them. Workerd: a Worker of the app's Wasm and shim that boots instances " +
		"on demand, less a request that boots none. First byte: from the process's start to the first answer of /healthz."
	s.Labels = []string{"what", "where"}
	s.Metrics = []Metric{{"ms", "ms (median)", 2}, {"max", "max ms", 2}, {"runs", "runs", 0}}
	wazero, err := b.bootWazero(ctx)
	if err != nil {
		s.problem("wazero: %v", err)
	} else {
		bootRow(s, "an instance", "wazero", wazero)
		s.goal(Goal{What: "boot under wazero", Value: median(wazero), Bound: 6, Unit: "ms"})
	}
	workerd, err := b.bootWorkerd(ctx)
	if err != nil {
		s.problem("workerd: %v", err)
	} else {
		bootRow(s, "an instance", "workerd", workerd)
	}
	return b.firstBytes(ctx, s)
}

func bootRow(s *Section, what, where string, values []float64) {
	row := s.row(what, where)
	row.set("ms", median(values))
	row.set("runs", float64(len(values)))
	for _, v := range values {
		row.set("max", max(v, row.Values["max"]))
	}
}

// bootWazero starts the local runner with isolates that nobody has used, and lets route turns boot them in turn. It
// does not look inside: that the runner boots on demand, and goes round, shows in the figures.
func (b *bench) bootWazero(ctx context.Context) (boots []float64, err error) {
	isolates := b.times(30)
	binary := filepath.Join(b.env.Temp, "hubbub")
	if _, err := b.env.Tool(ctx, nil, "go", "build", "-o", binary, "./localrunner/cmd/hubbub"); err != nil {
		return nil, err
	}
	addr, err := peers.FreeAddr()
	if err != nil {
		return nil, err
	}
	// The first isolate is booted when the runner starts.
	p, err := peers.Launch(exec.Command(binary, "run", "--no-build", "--config", b.env.Config(), "--addr", addr,
		"--storage", "memory", "--isolates", fmt.Sprint(isolates+1)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Kill()) }()
	if err := p.WaitFor(ctx, peers.Accepts(addr)); err != nil {
		return nil, err
	}
	client := &http.Client{Timeout: 10 * time.Second}
	// An asset is served without a turn, and opens the connection that the requests go over.
	if resp, err := client.Get("http://" + addr + "/"); err != nil {
		return nil, fmt.Errorf("bench: %w", err)
	} else if _, err = io.Copy(io.Discard, resp.Body); errors.Join(err, resp.Body.Close()) != nil {
		return nil, fmt.Errorf("bench: the page: %w", err)
	}
	var first, again []float64
	for i := range 2 * (isolates + 1) {
		took, err := timed(client, "http://"+addr+"/healthz")
		if err != nil {
			return nil, err
		}
		if i <= isolates {
			first = append(first, took)
		} else {
			again = append(again, took)
		}
	}
	base := median(again)
	if median(first) < 2*base {
		return nil, fmt.Errorf("first requests take %.2f ms, later ones %.2f: the runner does not boot isolates on demand any more", median(first), base)
	}
	for _, took := range first {
		if took > (base+median(first))/2 { // all but the one that was booted already
			boots = append(boots, took-base)
		}
	}
	return boots, nil
}

// bootWorkerd lets a Worker boot instances, several in one request, so that what else a request costs does not matter.
func (b *bench) bootWorkerd(ctx context.Context) (boots []float64, err error) {
	const perRequest = 4
	server, err := peers.Boot.Start(ctx, b.env)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	client := &http.Client{Timeout: 10 * time.Second}
	url := "http://" + server.Addr + "/?n="
	if _, err := timed(client, url+"1"); err != nil { // V8 compiles what a boot runs
		return nil, err
	}
	for range b.times(10) {
		none, err := timed(client, url+"0")
		if err != nil {
			return nil, err
		}
		took, err := timed(client, fmt.Sprint(url, perRequest))
		if err != nil {
			return nil, err
		}
		boots = append(boots, (took-none)/perRequest)
	}
	return boots, nil
}

// timed requests url, which must answer "ok", and returns how long that took in milliseconds.
func timed(client *http.Client, url string) (float64, error) {
	began := time.Now()
	resp, err := client.Get(url)
	if err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	body, err := io.ReadAll(resp.Body)
	took := time.Since(began)
	if err = errors.Join(err, resp.Body.Close()); err != nil {
		return 0, fmt.Errorf("bench: %w", err)
	}
	if resp.StatusCode != http.StatusOK || strings.TrimSpace(string(body)) != "ok" {
		return 0, fmt.Errorf("bench: %s is answered with %s: %.500s", url, resp.Status, body)
	}
	return milliseconds(took), nil
}

// firstBytes compares workerd's first answer with the app to that of a Worker in JavaScript alone, in turns.
func (b *bench) firstBytes(ctx context.Context, s *Section) (err error) {
	var servers []*peers.Server
	for _, p := range []peers.Peer{peers.Workerd, peers.JavaScript} {
		server, startErr := p.Start(ctx, b.env)
		if startErr != nil {
			return startErr
		}
		defer func() { err = errors.Join(err, server.Stop()) }()
		servers = append(servers, server)
	}
	var app, javascript, more []float64
	for range b.times(7) {
		var took [2]float64
		for i, server := range servers {
			if took[i], err = firstByte(ctx, server); err != nil {
				return err
			}
		}
		app, javascript, more = append(app, took[0]), append(javascript, took[1]), append(more, took[0]-took[1])
	}
	bootRow(s, "first byte", "workerd, app", app)
	bootRow(s, "first byte", "workerd, pure JavaScript", javascript)
	bootRow(s, "first byte, the app's part", "workerd", more)
	return nil
}

// firstByte starts a server again, and returns how long it took to answer, in milliseconds.
func firstByte(ctx context.Context, server *peers.Server) (float64, error) {
	if err := server.Kill(); err != nil {
		return 0, err
	}
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	began := time.Now()
	if err := server.Start(ctx); err != nil {
		return 0, err
	}
	if _, err := timed(client, "http://"+server.Addr+"/healthz"); err != nil {
		return 0, err
	}
	return milliseconds(time.Since(began)), nil
}
