package gojs

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// frame is the call of an import of module "gojs": its arguments and results are in the program's linear memory,
// at SP + 8 onwards, in the layout of Go's stack ABI.
type frame struct {
	in  *Instance
	mem []byte
	sp  uint32
	// entries is the instance's count of entries when mem and sp were read.
	entries uint64
}

// refresh must be called after anything that may have run Go code of the program: its stack may then have moved, and
// its memory may have grown.
func (f *frame) refresh() {
	if f.entries == f.in.entries {
		return
	}
	f.sp = f.in.stackPointer()
	f.mem = f.in.memory()
	f.entries = f.in.entries
}

func (f *frame) u32(off uint32) uint32 { return binary.LittleEndian.Uint32(f.mem[f.sp+off:]) }
func (f *frame) u64(off uint32) uint64 { return binary.LittleEndian.Uint64(f.mem[f.sp+off:]) }

func (f *frame) putU32(off, v uint32) { binary.LittleEndian.PutUint32(f.mem[f.sp+off:], v) }

func (f *frame) putU64(off uint32, v uint64) { binary.LittleEndian.PutUint64(f.mem[f.sp+off:], v) }

func (f *frame) putBool(off uint32, v bool) {
	f.mem[f.sp+off] = 0
	if v {
		f.mem[f.sp+off] = 1
	}
}

// bytes is the slice or string at off. It is a view: it must not outlive the call.
func (f *frame) bytes(off uint32) []byte {
	ptr, n := f.u64(off), f.u64(off+8)
	if n == 0 {
		return nil
	}
	return f.mem[ptr : ptr+n : ptr+n]
}

func (f *frame) str(off uint32) string { return decodeUTF8(f.bytes(off)) }

func (f *frame) load(off uint32) value     { return f.in.refs.load(f.u64(off)) }
func (f *frame) store(off uint32, v value) { f.putU64(off, f.in.refs.store(v)) }

// values is the []ref at off.
func (f *frame) values(off uint32) []value {
	ptr, n := f.u64(off), f.u64(off+8)
	if n == 0 {
		return nil
	}
	refs := f.mem[ptr : ptr+n*8]
	vals := make([]value, n)
	for i := range vals {
		vals[i] = f.in.refs.load(binary.LittleEndian.Uint64(refs[i*8:]))
	}
	return vals
}

// result stores what a call gave at off, and at off+8 whether it returned (true) or threw.
func (f *frame) result(off uint32, v value, err error) {
	f.refresh()
	if err != nil {
		v = f.in.realm.thrownValue(err)
	}
	f.store(off, v)
	f.putBool(off+8, err == nil)
}

// decodeUTF8 is new TextDecoder("utf-8").decode(b): a byte order mark is dropped, and each maximal part of a broken
// sequence becomes one U+FFFD (WHATWG Encoding, section 8.1.1).
func decodeUTF8(b []byte) string {
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		b = b[3:]
	}
	if utf8.Valid(b) {
		return string(b)
	}
	out := make([]byte, 0, len(b)+8)
	for len(b) > 0 {
		if c, n := utf8.DecodeRune(b); c != utf8.RuneError || n > 1 {
			out, b = append(out, b[:n]...), b[n:]
			continue
		}
		out = append(out, "\uFFFD"...)
		b = b[brokenPrefix(b):]
	}
	return string(out)
}

// brokenPrefix is the length of the longest prefix of b that could begin a valid sequence, and at least 1.
func brokenPrefix(b []byte) int {
	need, low, high := 0, byte(0x80), byte(0xBF)
	switch c := b[0]; {
	case c >= 0xC2 && c <= 0xDF:
		need = 1
	case c >= 0xE0 && c <= 0xEF:
		need = 2
		switch c {
		case 0xE0:
			low = 0xA0
		case 0xED:
			high = 0x9F
		}
	case c >= 0xF0 && c <= 0xF4:
		need = 3
		switch c {
		case 0xF0:
			low = 0x90
		case 0xF4:
			high = 0x8F
		}
	}
	n := 1
	for ; n <= need && n < len(b) && b[n] >= low && b[n] <= high; n++ {
		low, high = 0x80, 0xBF
	}
	return n
}

// toInt64 is how wasm_exec.js stores a number as an int64: NaN as 0, else its integer part.
func toInt64(f float64) int64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return int64(f)
}
