package loadgen

import (
	"errors"
	"fmt"
	"net"
	"time"
)

// Timeouts of a request and of a connect.
const (
	requestTimeout = 20 * time.Second
	dialTimeout    = 20 * time.Second
)

// client sends requests over one connection that is kept alive, one at a time.
type client struct {
	conn net.Conn
	buf  []byte // what was read and not yet used
	out  []byte
}

func dial(addr string) (*client, error) {
	conn, err := net.DialTimeout("tcp", addr, dialTimeout)
	if err != nil {
		return nil, fmt.Errorf("loadgen: %w", err)
	}
	return &client{conn: conn, buf: make([]byte, 0, 4<<10)}, nil
}

func (c *client) close() error { return c.conn.Close() }

// do sends a whole request, and returns the answer's status and payload, which is valid until the next request.
func (c *client) do(request []byte) (status int, payload []byte, err error) {
	if err := c.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, nil, fmt.Errorf("loadgen: %w", err)
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, fmt.Errorf("loadgen: %w", err)
	}
	h, n, err := parseHead(c.buf)
	for n == 0 {
		if err != nil {
			return 0, nil, err
		}
		if err = c.read(); err != nil {
			return 0, nil, err
		}
		h, n, err = parseHead(c.buf)
	}
	return c.payload(h, n)
}

// payload reads the body behind the head of n bytes.
func (c *client) payload(h head, n int) (int, []byte, error) {
	body := newBody(h)
	if body.state == untilClose {
		return 0, nil, fmt.Errorf("%w: the body's end is not told", ErrProtocol)
	}
	c.out = c.out[:0]
	rest := c.buf[n:]
	for body.state != bodyDone {
		if len(rest) == 0 {
			c.buf = c.buf[:0]
			if err := c.read(); err != nil {
				return 0, nil, err
			}
			rest = c.buf
		}
		var part []byte
		var err error
		if part, rest, err = body.next(rest); err != nil {
			return 0, nil, err
		}
		c.out = append(c.out, part...)
	}
	c.buf = append(c.buf[:0], rest...)
	return h.status, c.out, nil
}

// read adds to buf what there is, at least a byte.
func (c *client) read() error {
	if len(c.buf) == cap(c.buf) {
		c.buf = append(c.buf, make([]byte, cap(c.buf))...)[:len(c.buf)]
	}
	n, err := c.conn.Read(c.buf[len(c.buf):cap(c.buf)])
	c.buf = c.buf[:len(c.buf)+n]
	if n == 0 {
		if err == nil {
			err = errors.New("nothing was read")
		}
		return fmt.Errorf("loadgen: %w", err)
	}
	return nil
}
