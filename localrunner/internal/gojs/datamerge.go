package gojs

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"slices"
)

// mergeGap is how many zero bytes it takes to be worth a segment of its own.
const mergeGap = 256

const (
	dataSection      = 11
	dataCountSection = 12
)

// mergeData joins the data segments of a Go program that are close to each other. Go's linker leaves out every run of
// zeros and so makes tens of thousands of segments; to go through them is more than half of the time that an
// instance takes to boot. What an instance gets in its memory is the same. A module that is not of the expected form
// is returned as it is.
func mergeData(wasm []byte) []byte {
	if len(wasm) < 8 {
		return wasm
	}
	out := append(make([]byte, 0, len(wasm)+len(wasm)/16), wasm[:8]...)
	var counts [][2]int // where the count of segments is written: offset and length in out
	merged := 0
	for rest := wasm[8:]; len(rest) > 0; {
		id := rest[0]
		size, n := binary.Uvarint(rest[1:])
		if n <= 0 || size > uint64(len(rest)-1-n) {
			return wasm
		}
		content := rest[1+n : 1+n+int(size)]
		rest = rest[1+n+int(size):]
		switch id {
		case dataCountSection:
			// Of a fixed length, so that it can be filled in later.
			out = append(out, id, countLength)
			counts = append(counts, [2]int{len(out), countLength})
			out = append(out, make([]byte, countLength)...)
		case dataSection:
			segments, ok := parseData(content)
			if !ok {
				return wasm
			}
			segments = mergeSegments(segments)
			merged = len(segments)
			out = appendSection(out, id, encodeData(segments))
		default:
			out = appendSection(out, id, content)
		}
	}
	for _, c := range counts {
		putCount(out[c[0]:c[0]+c[1]], merged)
	}
	return out
}

// countLength is the longest form of a LEB128 u32.
const countLength = 5

func putCount(b []byte, n int) {
	for i := range b {
		b[i] = byte(n>>(7*i))&0x7F | 0x80
	}
	b[len(b)-1] &= 0x7F
}

func appendSection(out []byte, id byte, content []byte) []byte {
	out = binary.AppendUvarint(append(out, id), uint64(len(content)))
	return append(out, content...)
}

// segment is an active data segment of memory 0 at a constant offset.
type segment struct {
	offset uint32
	data   []byte
}

const (
	opEnd      = 0x0B
	opI32Const = 0x41
)

func parseData(b []byte) ([]segment, bool) {
	count, n := binary.Uvarint(b)
	if n <= 0 || count > uint64(len(b)) {
		return nil, false
	}
	b = b[n:]
	segments := make([]segment, 0, count)
	for range count {
		if len(b) < 2 || b[0] != 0 || b[1] != opI32Const {
			return nil, false
		}
		offset, n := sleb32(b[2:])
		if n <= 0 || len(b) < 3+n || b[2+n] != opEnd {
			return nil, false
		}
		b = b[3+n:]
		size, n := binary.Uvarint(b)
		if n <= 0 || size > uint64(len(b)-n) {
			return nil, false
		}
		segments = append(segments, segment{uint32(offset), b[n : n+int(size)]})
		b = b[n+int(size):]
	}
	return segments, len(b) == 0
}

// mergeSegments joins what lies close together. The order in which segments are written does not matter as long as no
// two overlap; if any do, all are left alone.
func mergeSegments(segments []segment) []segment {
	sorted := slices.SortedFunc(slices.Values(segments), func(a, b segment) int { return cmp.Compare(a.offset, b.offset) })
	reached := uint64(0)
	for _, s := range sorted {
		if uint64(s.offset) < reached {
			return segments
		}
		reached = uint64(s.offset) + uint64(len(s.data))
	}
	segments = sorted
	var out []segment
	for i := 0; i < len(segments); {
		first := segments[i]
		end := uint64(first.offset) + uint64(len(first.data))
		j := i + 1
		for ; j < len(segments); j++ {
			next := segments[j]
			if uint64(next.offset)-end > mergeGap {
				break
			}
			end = uint64(next.offset) + uint64(len(next.data))
		}
		if j > i+1 {
			data := make([]byte, end-uint64(first.offset))
			for _, s := range segments[i:j] {
				copy(data[s.offset-first.offset:], s.data)
			}
			first.data = data
		}
		out = append(out, first)
		i = j
	}
	return out
}

func encodeData(segments []segment) []byte {
	var out bytes.Buffer
	var scratch []byte
	scratch = binary.AppendUvarint(scratch, uint64(len(segments)))
	for _, s := range segments {
		scratch = append(scratch, 0, opI32Const)
		scratch = appendSleb32(scratch, int32(s.offset))
		scratch = append(scratch, opEnd)
		scratch = binary.AppendUvarint(scratch, uint64(len(s.data)))
		out.Write(scratch)
		out.Write(s.data)
		scratch = scratch[:0]
	}
	out.Write(scratch)
	return out.Bytes()
}

// sleb32 reads a signed LEB128 number of at most 32 bits, and its length; 0 for none.
func sleb32(b []byte) (int32, int) {
	var v uint64
	for i := 0; i < countLength && i < len(b); i++ {
		v |= uint64(b[i]&0x7F) << (7 * i)
		if b[i]&0x80 == 0 {
			if b[i]&0x40 != 0 {
				v |= ^uint64(0) << (7 * (i + 1))
			}
			return int32(v), i + 1
		}
	}
	return 0, 0
}

func appendSleb32(b []byte, v int32) []byte {
	for {
		c := byte(v & 0x7F)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}
