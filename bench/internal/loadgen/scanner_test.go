package loadgen

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

type scanned struct{ name, data string }

func scan(t *testing.T, pieces ...string) (events []scanned) {
	t.Helper()
	var s scanner
	for _, piece := range pieces {
		require.NoError(t, s.feed([]byte(piece), func(name, data []byte) {
			events = append(events, scanned{string(name), string(data)})
		}))
	}
	return events
}

func TestScanner(t *testing.T) {
	const stream = "retry: 2000\n\n: comment\n\nid: 1-1\ndata: one\n\nevent: x\r\ndata:two\r\ndata: \r\ndata:  three\r\n\r\n" +
		"event: without data\n\ndata\n\nretry: 5\ndata: a\nevent: y\nevent: z\n\ndata: unfinished\n"
	want := []scanned{{"", "one"}, {"x", "two\n\n three"}, {"", ""}, {"z", "a"}}
	for cut := range len(stream) + 1 {
		require.Equal(t, want, scan(t, stream[:cut], stream[cut:]), "cut at %d", cut)
	}
	require.Equal(t, want, scan(t, strings.Split(stream, "")...))
}

func TestScannerBounds(t *testing.T) {
	for _, piece := range []string{"x", "data: " + strings.Repeat("x", 1000) + "\n"} {
		var s scanner
		var err error
		for range 2 * maxEvent {
			if err = s.feed([]byte(piece), func(_, _ []byte) {}); err != nil {
				break
			}
		}
		assert.ErrorIs(t, err, errTooLong)
	}
}

// FuzzScanner: on streams without what the scanner leaves out, it finds what a browser would.
func FuzzScanner(f *testing.F) {
	f.Add([]byte("id: 1\ndata: one\n\nevent: x\r\ndata:two\r\ndata: \r\n\r\n"), 7)
	f.Add([]byte("data\n\ndata:\n\n:x\nretry: 1\nevent\ndata: a: b\n\n"), 1)
	f.Fuzz(func(t *testing.T, stream []byte, cut int) {
		for i, c := range stream {
			if c >= 0x80 || c == '\r' && (i+1 == len(stream) || stream[i+1] != '\n') {
				t.Skip("it has what the scanner leaves out")
			}
		}
		if cut < 0 || cut > len(stream) {
			cut = 0
		}
		got := scan(t, string(stream[:cut]), string(stream[cut:]))
		var want []scanned
		for d := sse.NewDecoder(bytes.NewReader(stream)); ; {
			item, err := d.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(t, err)
			if item.Kind == sse.KindEvent {
				want = append(want, scanned{item.Event.Name, item.Event.Data})
			}
		}
		for i := range got {
			if got[i].name == "" {
				got[i].name = "message"
			}
		}
		require.Equal(t, want, got)
	})
}

func BenchmarkScanner(b *testing.B) {
	event := []byte("id: 0123456789abcdef-12345\ndata: " + strings.Repeat("x", 100) + "\n\n")
	var s scanner
	n := 0
	b.ReportAllocs()
	b.SetBytes(int64(len(event)))
	for b.Loop() {
		_ = s.feed(event, func(_, _ []byte) { n++ })
	}
}
