package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/hubbub-edge/hubbub/localrunner"
	"github.com/hubbub-edge/hubbub/localrunner/internal/wrangler"
)

type runCmd struct {
	Config   string            `help:"The program's wrangler.toml; default ${default}." default:"wrangler.toml" type:"path" placeholder:"FILE"`
	Addr     string            `help:"Address to listen on: HOST, or HOST:PORT." env:"ADDR" default:"localhost"`
	Port     uint16            `help:"Port to listen on, unless --addr has one; 0 picks a free one." env:"PORT" default:"8787"`
	Storage  string            `help:"Folder for the hubs' databases; default ${default}. \"memory\" keeps them in memory only." default:".hubbub/state" placeholder:"DIR"`
	Var      map[string]string `help:"Set a var, in place of the one in the configuration. May be repeated." placeholder:"NAME=VALUE" mapsep:"none"`
	Isolates int               `help:"How many instances run hubs; 0 for one per CPU, at most 8." default:"0"`
	NoBuild  bool              `help:"Do not run the configuration's build command first."`
	Grace    time.Duration     `help:"How long a shutdown waits for clients." default:"5s"`
}

// Run serves until a signal comes. The first one shuts down, a second one ends at once.
func (c *runCmd) Run() error {
	if !c.NoBuild {
		if err := c.build(); err != nil {
			return err
		}
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	runner, err := localrunner.New(localrunner.Options{
		Config:   c.Config,
		Vars:     c.Var,
		Storage:  c.storage(),
		Isolates: c.Isolates,
		Log:      log,
		Output:   os.Stderr,
	})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", c.address())
	if err != nil {
		return errors.Join(err, runner.Close(context.Background()))
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM) // before anybody can know that it runs
	fmt.Print(runner.Summary())
	fmt.Printf("listening on %s\n", baseURL(listener.Addr()))

	server := &http.Server{
		Handler: runner,
		// A client that sends its head byte by byte holds nothing but its own connection for so long.
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return errors.Join(err, runner.Close(context.Background()))
	case s := <-signals:
		fmt.Printf("%v: shutting down; a second one ends at once\n", s)
	}
	go func() {
		<-signals
		os.Exit(130)
	}()
	return c.shutdown(server, runner)
}

// shutdown stops accepting, ends the streams, and flushes the storage.
func (c *runCmd) shutdown(server *http.Server, runner *localrunner.Runner) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.Grace)
	defer cancel()
	stopped := make(chan error, 1)
	go func() { stopped <- server.Shutdown(ctx) }() // closes the listener, then waits for the requests
	err := runner.Close(ctx)
	if serverErr := <-stopped; serverErr != nil {
		server.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Printf("some clients were still there after %v\n", c.Grace)
		return nil
	}
	return err
}

// build runs the configuration's build command, as wrangler does.
func (c *runCmd) build() error {
	config, err := wrangler.Read(c.Config)
	if err != nil || config.Build.Command == "" {
		return err
	}
	name, flag := "sh", "-c"
	if runtime.GOOS == "windows" {
		name, flag = "cmd", "/C"
	}
	cmd := exec.Command(name, flag, config.Build.Command)
	cmd.Dir = config.Build.Dir
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("the build command %q failed: %w", config.Build.Command, err)
	}
	return nil
}

func (c *runCmd) storage() string {
	if c.Storage == "memory" {
		return ""
	}
	return c.Storage
}

func (c *runCmd) address() string {
	if _, _, err := net.SplitHostPort(c.Addr); err == nil {
		return c.Addr
	}
	return net.JoinHostPort(strings.Trim(c.Addr, "[]"), strconv.Itoa(int(c.Port)))
}

// baseURL is what to type into a browser.
func baseURL(addr net.Addr) string {
	host, port, err := net.SplitHostPort(addr.String())
	if err != nil {
		return "http://" + addr.String()
	}
	if ip := net.ParseIP(host); ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}
