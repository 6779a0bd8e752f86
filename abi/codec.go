package abi

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/hubbub-edge/hubbub/actor"
)

// ErrMalformed: bytes from the other side are not what the interface says.
var ErrMalformed = errors.New("abi: malformed")

// appendBytes appends a length of four bytes and b.
func appendBytes[T string | []byte](dst []byte, b T) []byte {
	return append(binary.LittleEndian.AppendUint32(dst, uint32(len(b))), b...)
}

// appendHead appends lines as one text, each with a line feed behind it: a request's or a response's head crosses the
// boundary in one piece, which costs a JavaScript host one call of TextEncoder rather than one per field. Nothing in a
// head can contain a line feed.
func appendHead(dst []byte, header actor.Header, lines ...string) []byte {
	at := len(dst)
	dst = append(dst, 0, 0, 0, 0)
	for _, line := range lines {
		dst = append(append(dst, line...), '\n')
	}
	for _, f := range header {
		dst = append(append(dst, f.Name...), '\n')
		dst = append(append(dst, f.Value...), '\n')
	}
	binary.LittleEndian.PutUint32(dst[at:], uint32(len(dst)-at-4))
	return dst
}

// reader takes values off the front of its bytes. After the first error it returns zero values.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrMalformed, what)
	}
	r.b = nil
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.fail("cut off")
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8 {
	if b := r.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) u32() uint32 {
	if b := r.take(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

func (r *reader) i64() int64 {
	if b := r.take(8); b != nil {
		return int64(binary.LittleEndian.Uint64(b))
	}
	return 0
}

// bool accepts only 0 and 1.
func (r *reader) bool() bool {
	b := r.u8()
	if b > 1 {
		r.fail("neither 0 nor 1")
	}
	return b == 1
}

// bytes returns a slice of the reader's own memory.
func (r *reader) bytes() []byte {
	n := r.u32()
	if uint64(n) > uint64(len(r.b)) {
		r.fail("cut off")
		return nil
	}
	return r.take(int(n))
}

func (r *reader) string() string { return string(r.bytes()) }

// clone returns nil for no bytes.
func (r *reader) clone() []byte { return append([]byte(nil), r.bytes()...) }

// count reads how many elements follow, each of which has at least size bytes.
func (r *reader) count(size int) int {
	n := r.u32()
	if uint64(n)*uint64(size) > uint64(len(r.b)) {
		r.fail("cut off")
		return 0
	}
	return int(n)
}

// head reads what appendHead has written, lines first. Its strings share one allocation.
func (r *reader) head(lines ...*string) actor.Header {
	text := r.string()
	next := func() string {
		line, rest, ok := strings.Cut(text, "\n")
		if !ok {
			r.fail("a head's line has no end")
		}
		text = rest
		return line
	}
	for _, line := range lines {
		*line = next()
	}
	if text == "" || r.err != nil {
		return nil
	}
	header := make(actor.Header, 0, strings.Count(text, "\n")/2)
	for text != "" && r.err == nil {
		header = append(header, actor.HeaderField{Name: next(), Value: next()})
	}
	return header
}

// end fails when something is left.
func (r *reader) end() error {
	if r.err == nil && len(r.b) > 0 {
		r.fail(fmt.Sprintf("%d bytes too many", len(r.b)))
	}
	return r.err
}
