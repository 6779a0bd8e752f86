package runnertest

import (
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
)

func TestDecoderTakesAnyPieces(t *testing.T) {
	stream := "\uFEFFretry: 5\n\n:comment\nid: 1\r\nevent: e\r\ndata: grüße\r\n\r\ndata: a\rdata: b\r\r\n\ndata: cut off"
	var want []sse.Item
	for d := sse.NewDecoder(strings.NewReader(stream)); ; {
		item, err := d.Next()
		if err != nil {
			break
		}
		want = append(want, item)
	}
	assert.Len(t, want, 4)
	for size := 1; size <= len(stream); size++ {
		decode, stop := newDecoder()
		var got []sse.Item
		for rest := []byte(stream); len(rest) > 0; {
			n := min(size, len(rest))
			got = append(got, decode(rest[:n])...)
			rest = rest[n:]
		}
		assert.Equal(t, want, got, "in pieces of %d bytes", size)
		stop()
		stop()
		assert.Empty(t, decode([]byte("data: late\n\n")))
	}
	_, stop := newDecoder()
	stop() // before anything was read
}
