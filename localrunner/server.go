package localrunner

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Server returns a server of the runner, with limits for clients that hold a connection and send nothing, and, on
// Linux, with connections whose peers have vanished without a word found within two heartbeats. The caller serves a
// listener with it, and shuts it down beside [Runner.Close]: the one waits for requests, the other ends streams.
func (r *Runner) Server() *http.Server {
	return &http.Server{
		Handler:           r,
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(r.opts.Log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			if tcp, ok := conn.(*net.TCPConn); ok {
				// What it cannot do is done by the system, later.
				if err := limitUnacknowledged(tcp, r.heartbeat()); err != nil {
					r.opts.Log.Debug("a connection's timeout was not set", "err", err)
				}
			}
			return ctx
		},
	}
}

// heartbeat is the shortest interval of any class.
func (r *Runner) heartbeat() time.Duration {
	least := time.Duration(1<<63 - 1)
	for _, c := range r.about.Classes {
		least = min(least, c.Heartbeat)
	}
	return least
}
