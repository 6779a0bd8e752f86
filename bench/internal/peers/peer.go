package peers

import (
	"context"
	"os"
	"path/filepath"
)

// Peer is a server that can be measured.
type Peer interface {
	// Name is the server's name in the report. No two peers have the same.
	Name() string
	// Version is what exactly is measured, for the report.
	Version(env *Env) (string, error)
	// Start builds what the server needs, starts it, and returns when it accepts connections.
	Start(ctx context.Context, env *Env) (*Server, error)
}

// HubPeer is a peer with hubs that can be subscribed to and published to.
type HubPeer interface {
	Peer
	Hub() Hub
}

// Hub is how a peer's hub is used.
type Hub struct {
	Subscribe string // the path of the event stream
	Publish   string // the path that an event is POSTed to, as text
	// Connected is the name of the event that says that a subscriber gets what is published from now on; "" if
	// that is so when the response's head has come.
	Connected string
}

// Server is a running peer.
type Server struct {
	Addr string // "host:port"
	PID  int    // of the one process that does the work
	// start starts the process, again if need be, at Addr.
	start func(context.Context) (pid int, err error)
	kill  func() error
	stop  func() error
}

// Kill ends the server's process. [Server.Start] starts it again.
func (s *Server) Kill() error { return s.kill() }

// Start starts the process of a server that was killed, at the same address, and returns when it accepts connections.
// Nothing is built or copied.
func (s *Server) Start(ctx context.Context) (err error) {
	s.PID, err = s.start(ctx)
	return err
}

// Stop ends the server for good.
func (s *Server) Stop() error { return s.stop() }

// Env is where peers are built and run.
type Env struct {
	Root string // the checkout
	Temp string // a folder for everything that is built for the run alone
}

// dir is a folder of the run, which is made when it is missing.
func (e *Env) dir(name string) (string, error) {
	dir := filepath.Join(e.Temp, name)
	return dir, os.MkdirAll(dir, 0o755)
}

// workerd is the path of workerd's binary. The npm package's command is a script that starts it.
func (e *Env) workerd() (string, error) {
	return glob(e.Root, "node_modules/@cloudflare/workerd-*/bin/workerd*")
}
