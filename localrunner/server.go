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
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
}

type connKey struct{}

// connOf returns the connection of a request to a [Runner.Server], or nil.
func connOf(r *http.Request) *net.TCPConn {
	conn, _ := r.Context().Value(connKey{}).(*net.TCPConn)
	return conn
}
