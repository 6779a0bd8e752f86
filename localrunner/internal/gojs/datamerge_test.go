package gojs

import (
	"bytes"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// image is what segments leave in a memory that was zero.
func image(segments []segment) map[uint32]byte {
	mem := make(map[uint32]byte)
	for _, s := range segments {
		for i, b := range s.data {
			if b != 0 || mem[s.offset+uint32(i)] != 0 {
				mem[s.offset+uint32(i)] = b
			}
		}
	}
	return mem
}

func sectionOf(t *testing.T, wasm []byte, id byte) []byte {
	t.Helper()
	for rest := wasm[8:]; len(rest) > 0; {
		size, n := uint64(0), 0
		for shift := 0; ; shift += 7 {
			n++
			size |= uint64(rest[n]&0x7F) << shift
			if rest[n]&0x80 == 0 {
				break
			}
		}
		if rest[0] == id {
			return rest[1+n : 1+n+int(size)]
		}
		rest = rest[1+n+int(size):]
	}
	return nil
}

func TestMergeDataKeepsTheImage(t *testing.T) {
	before, ok := parseData(sectionOf(t, guest().wasm, dataSection))
	require.True(t, ok)
	after, ok := parseData(sectionOf(t, mergeData(guest().wasm), dataSection))
	require.True(t, ok)
	t.Logf("%d segments became %d", len(before), len(after))
	assert.Less(t, len(after), len(before)/10)

	end := uint64(0)
	for _, s := range before {
		end = max(end, uint64(s.offset)+uint64(len(s.data)))
	}
	want, got := make([]byte, end), make([]byte, end)
	for _, s := range before {
		copy(want[s.offset:], s.data)
	}
	for _, s := range after {
		copy(got[s.offset:], s.data)
	}
	assert.True(t, bytes.Equal(want, got))
}

func TestMergeSegments(t *testing.T) {
	got := mergeSegments([]segment{{10, []byte("a")}, {13, []byte("b")}, {5000, []byte("c")}})
	assert.Equal(t, []segment{{10, []byte("a\x00\x00b")}, {5000, []byte("c")}}, got)
	got = mergeSegments([]segment{{11, []byte("x")}, {10, []byte("a")}, {13, []byte("b")}})
	assert.Equal(t, []segment{{10, []byte("ax\x00b")}}, got, "a gap must not overwrite what an earlier segment wrote")
	overlapping := []segment{{10, []byte("ab")}, {11, []byte("x")}}
	assert.Equal(t, overlapping, mergeSegments(overlapping))
}

func TestSleb32(t *testing.T) {
	for _, v := range []int32{0, 1, -1, 63, 64, -64, -65, math.MaxInt32, math.MinInt32, 12345678} {
		b := appendSleb32(nil, v)
		got, n := sleb32(b)
		assert.Equal(t, v, got)
		assert.Equal(t, len(b), n)
	}
	_, n := sleb32([]byte{0x80})
	assert.Zero(t, n)
}

func FuzzMergeData(f *testing.F) {
	f.Add([]byte("\x00asm\x01\x00\x00\x00"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0c\x01\x02\x0b\x0d\x02\x00\x41\x08\x0b\x01a\x00\x41\x0a\x0b\x01b"))
	f.Add([]byte("\x00asm\x01\x00\x00\x00\x0b\x04\x01\x01\x01a"))
	f.Fuzz(func(t *testing.T, wasm []byte) {
		out := mergeData(wasm)
		if len(wasm) < 8 {
			return
		}
		require.Equal(t, wasm[:8], out[:8])
		require.LessOrEqual(t, len(out), len(wasm)*(mergeGap+16)+64)
		if again := mergeData(out); !bytes.Equal(again, out) {
			t.Fatalf("merging again changed %x to %x", out, again)
		}
	})
}

func FuzzMergeSegments(f *testing.F) {
	f.Add(uint32(8), []byte("one"), uint32(12), []byte("two"), uint32(9), []byte("three"))
	f.Fuzz(func(t *testing.T, ao uint32, a []byte, bo uint32, b []byte, co uint32, c []byte) {
		in := []segment{{ao & 0xFFFFF, a}, {bo & 0xFFFFF, b}, {co & 0xFFFFF, c}}
		want, got := image(in), image(mergeSegments(in))
		for k, v := range want {
			if got[k] != v {
				t.Fatalf("at %d: %d, want %d", k, got[k], v)
			}
		}
		for k, v := range got {
			if v != want[k] {
				t.Fatalf("at %d: %d, want %d", k, v, want[k])
			}
		}
	})
}
