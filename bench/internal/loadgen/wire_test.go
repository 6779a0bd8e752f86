package loadgen

import (
	"bytes"
	"fmt"
	"io"
	"net/http/httputil"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseHead(t *testing.T) {
	h, n, err := parseHead([]byte("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\nrest"))
	require.NoError(t, err)
	assert.Equal(t, head{status: 200, length: 12}, h)
	assert.Equal(t, len("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"), n)

	h, _, err = parseHead([]byte("HTTP/1.1 503 \r\nTransfer-Encoding: Chunked\r\nX: \r\n\r\n"))
	require.NoError(t, err)
	assert.Equal(t, head{status: 503, length: -1, chunked: true}, h)

	_, n, err = parseHead([]byte("HTTP/1.1 200 OK\r\nContent-Le"))
	require.NoError(t, err)
	assert.Zero(t, n, "it has not ended")

	for _, bad := range []string{
		"HTTP/1.0 200 OK\r\n\r\n", "\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/1.1 20\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: a\r\n\r\n",
		string(bytes.Repeat([]byte("x"), maxHead+1)),
	} {
		_, _, err := parseHead([]byte(bad))
		assert.ErrorIs(t, err, ErrProtocol, "%.50q", bad)
	}
}

// unwrap takes the payload out of pieces of a body.
func unwrap(d *body, pieces ...[]byte) (payload []byte, err error) {
	for _, piece := range pieces {
		for len(piece) > 0 && d.state != bodyDone {
			var part []byte
			if part, piece, err = d.next(piece); err != nil {
				return payload, err
			}
			payload = append(payload, part...)
		}
	}
	return payload, nil
}

func TestBody(t *testing.T) {
	for _, c := range []struct {
		name, wire, payload string
		head                head
		done                bool
	}{
		{"until close", "abc", "abc", head{length: -1}, false},
		{"of a length", "abcHTTP", "abc", head{length: 3}, true},
		{"of a length that is not there yet", "ab", "ab", head{length: 3}, false},
		{"of no length", "HTTP", "", head{length: 0}, true},
		{"a status without a body", "HTTP", "", head{status: 204, length: -1}, true},
		{"chunks", "1\r\na\r\n2;ext=1\r\nbc\r\n0\r\n\r\nHTTP", "abc", head{chunked: true}, true},
		{"chunks with a trailer", "3\r\nabc\r\n0\r\nX: y\r\n\r\nHTTP", "abc", head{chunked: true}, true},
		{"a size in capitals, with zeros", "00A\r\n0123456789\r\n", "0123456789", head{chunked: true}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			for cut := range len(c.wire) + 1 {
				d := newBody(c.head)
				payload, err := unwrap(&d, []byte(c.wire[:cut]), []byte(c.wire[cut:]))
				require.NoError(t, err)
				require.Equal(t, c.payload, string(payload), "cut at %d", cut)
				require.Equal(t, c.done, d.state == bodyDone, "cut at %d", cut)
			}
		})
	}
	for _, bad := range []string{"x", "1x", "1\r\nab", "\r\n", "fffffffffffffffff\r\n"} {
		d := newBody(head{chunked: true})
		_, err := unwrap(&d, []byte(bad))
		assert.ErrorIs(t, err, ErrProtocol, bad)
	}
}

// FuzzBody: what Go's own reader of chunks accepts comes to the same here, however it is cut.
func FuzzBody(f *testing.F) {
	f.Add([]byte("1\r\na\r\n2;ext=1\r\nbc\r\n0\r\n\r\n"), 3)
	f.Add([]byte("3\r\nabc\r\n0\r\nX: y\r\n\r\n"), 5)
	f.Add([]byte("5\nab"), 0)
	f.Fuzz(func(t *testing.T, wire []byte, cut int) {
		if cut < 0 || cut > len(wire) {
			cut = 0
		}
		d := newBody(head{chunked: true})
		got, err := unwrap(&d, wire[:cut], wire[cut:])
		want, wantErr := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(wire)))
		if wantErr == nil {
			require.NoError(t, err)
			require.Equal(t, string(want), string(got))
		}
	})
}

func TestPayload(t *testing.T) {
	b := newPayload(100)
	require.Len(t, b, 100)
	want := mark{publisher: 255, number: 1<<32 - 1, at: 1<<62 + 5}
	want.put(b)
	got, ok := parseMark(b)
	require.True(t, ok)
	require.Equal(t, want, got)
	require.Equal(t, newPayload(100)[MinPayload:], b[MinPayload:], "the filler stays")

	require.Len(t, newPayload(0), MinPayload)
	for _, bad := range []string{"", "0001", fmt.Sprintf("%028d", 0)[1:], "000g" + fmt.Sprintf("%024d", 0)} {
		_, ok := parseMark([]byte(bad))
		require.False(t, ok, bad)
	}
}
