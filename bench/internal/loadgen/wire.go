package loadgen

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// ErrProtocol: a server's bytes are not HTTP/1.1 as this package reads it.
var ErrProtocol = errors.New("loadgen: not a response in HTTP/1.1")

// maxHead bounds the head of a response, in bytes.
const maxHead = 64 << 10

// head is what matters of a response's head.
type head struct {
	status  int
	length  int64 // of the body; -1: not told
	chunked bool
}

// parseHead reads the head at the front of b, and returns its length; 0 when it has not ended yet.
func parseHead(b []byte) (h head, n int, err error) {
	end := bytes.Index(b, []byte("\r\n\r\n"))
	if end < 0 {
		if len(b) > maxHead {
			return h, 0, fmt.Errorf("%w: its head does not end", ErrProtocol)
		}
		return h, 0, nil
	}
	line, fields, _ := bytes.Cut(b[:end+2], []byte("\r\n"))
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 {
		return h, 0, fmt.Errorf("%w: it begins with %q", ErrProtocol, line)
	}
	if h.status, err = strconv.Atoi(string(rest[:3])); err != nil || h.status < 100 {
		return h, 0, fmt.Errorf("%w: its status is %q", ErrProtocol, rest)
	}
	h.length = -1
	for len(fields) > 0 {
		line, fields, _ = bytes.Cut(fields, []byte("\r\n"))
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimSpace(value)
		switch {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if h.length, err = strconv.ParseInt(string(value), 10, 64); err != nil || h.length < 0 {
				return h, 0, fmt.Errorf("%w: its length is %q", ErrProtocol, value)
			}
		case bytes.EqualFold(name, []byte("Transfer-Encoding")):
			h.chunked = bytes.EqualFold(value, []byte("chunked"))
		}
	}
	return h, end + 4, nil
}

// body takes the payload out of a response's body (RFC 9112, section 7), in whatever pieces it comes.
type body struct {
	state bodyState
	left  int64 // of the chunk, or of the body
	size  bool  // a digit of the chunk's size was seen
	line  bool  // the trailer's line has something in it
}

type bodyState uint8

const (
	untilClose bodyState = iota // what comes is payload
	fixed                       // left bytes of payload
	chunkSize
	chunkExtension
	chunkData
	chunkEnd
	trailer
	bodyDone
)

func newBody(h head) body {
	switch {
	case h.chunked:
		return body{state: chunkSize}
	case h.length == 0 || h.status == 204 || h.status == 304:
		return body{state: bodyDone}
	case h.length > 0:
		return body{state: fixed, left: h.length}
	}
	return body{state: untilClose}
}

// next returns the payload at the front of b, if any, and what is behind it. It has to be called until rest is empty
// or the body is done.
func (d *body) next(b []byte) (payload, rest []byte, err error) {
	for len(b) > 0 {
		switch d.state {
		case untilClose:
			return b, nil, nil
		case bodyDone:
			return nil, b, nil
		case fixed, chunkData:
			n := min(int64(len(b)), d.left)
			if d.left -= n; d.left == 0 {
				if d.state == fixed {
					d.state = bodyDone
				} else {
					d.state = chunkEnd
				}
			}
			return b[:n], b[n:], nil
		default:
			if err := d.step(b[0]); err != nil {
				return nil, nil, err
			}
			b = b[1:]
		}
	}
	return nil, nil, nil
}

// step takes one byte of what is around the chunks.
func (d *body) step(c byte) error {
	switch d.state {
	case chunkSize:
		digit, ok := unhex(c)
		if ok && d.left < 1<<40 {
			d.left, d.size = d.left<<4|int64(digit), true
			return nil
		}
		if !d.size {
			return fmt.Errorf("%w: the size of a chunk begins with %q", ErrProtocol, c)
		}
		d.size = false
		switch c {
		case '\n':
			d.begin()
		case '\r', ';', ' ', '\t':
			d.state = chunkExtension
		default:
			return fmt.Errorf("%w: the size of a chunk has %q in it", ErrProtocol, c)
		}
	case chunkExtension:
		if c == '\n' {
			d.begin()
		}
	case chunkEnd:
		switch c {
		case '\r':
		case '\n':
			d.state = chunkSize
		default:
			return fmt.Errorf("%w: %q behind a chunk", ErrProtocol, c)
		}
	case trailer:
		switch c {
		case '\r':
		case '\n':
			if !d.line {
				d.state = bodyDone
			}
			d.line = false
		default:
			d.line = true
		}
	}
	return nil
}

// begin is at the data of a chunk. The last one has none.
func (d *body) begin() {
	if d.state = chunkData; d.left == 0 {
		d.state = trailer
	}
}

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	}
	return 0, false
}
