package loadgen

import (
	"errors"
	"fmt"
	"net"
	"sync"
)

// poller reads many connections. What it reads goes to handle, with the lock held that both have been given; err is
// set, once, when a connection has ended.
type poller interface {
	// add takes the connection over, and reads it for s from now on.
	add(conn net.Conn, s *subscriber) error
	// close ends all connections, and returns when handle is not called any more.
	close() error
}

type handle func(s *subscriber, b []byte, err error)

// newPoller returns the best poller that the system has.
var newPoller = newReaders

// readers is a poller that runs anywhere: a goroutine for each connection.
type readers struct {
	mu     *sync.Mutex
	handle handle
	wg     sync.WaitGroup

	connMu sync.Mutex
	conns  []net.Conn
}

func newReaders(mu *sync.Mutex, h handle) (poller, error) { return &readers{mu: mu, handle: h}, nil }

func (r *readers) add(conn net.Conn, s *subscriber) error {
	r.connMu.Lock()
	r.conns = append(r.conns, conn)
	r.connMu.Unlock()
	r.wg.Go(func() {
		buf := make([]byte, 4<<10)
		for {
			n, err := conn.Read(buf)
			r.mu.Lock()
			if n > 0 {
				r.handle(s, buf[:n], nil)
			}
			if err != nil {
				r.handle(s, nil, fmt.Errorf("loadgen: %w", err))
			}
			r.mu.Unlock()
			if err != nil {
				return
			}
		}
	})
	return nil
}

func (r *readers) close() error {
	r.connMu.Lock()
	var errs []error
	for _, conn := range r.conns {
		errs = append(errs, conn.Close())
	}
	r.connMu.Unlock()
	r.wg.Wait()
	return errors.Join(errs...)
}
