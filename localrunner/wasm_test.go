package localrunner

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/stretchr/testify/require"
)

// tinyProgram is a Wasm module, assembled by hand, that has what a GOOS=js program must have, and does what its fields
// say. It tests what a program that was built with package worker never does.
type tinyProgram struct {
	unready  bool   // it never calls workers.Ready
	exports  bool   // it exports what package abi wants
	describe []byte // the payload of hubbub_describe; nil: it blocks
	routes   bool   // hubbub_route answers with a decision for the handler, else it traps
}

// write writes the module into a folder of its own.
func (p tinyProgram) write(t testing.TB) (path string) {
	path = filepath.Join(t.TempDir(), "tiny.wasm")
	require.NoError(t, os.WriteFile(path, p.encode(), 0o644))
	return path
}

// Types of its functions, by their index.
const (
	typeNothing = iota // ()
	typeRun            // (i32 i32)
	typeGetsp          // () i32
	typeInput          // (i32) i32
	typeExport         // (i32 i32) i64
)

// Where its outputs lie.
const (
	describeAt = 1024
	routeAt    = 512
)

func (p tinyProgram) encode() []byte {
	const i32, i64 = 0x7f, 0x7e
	types := [][]byte{
		{0x60, 0, 0},
		{0x60, 2, i32, i32, 0},
		{0x60, 0, 1, i32},
		{0x60, 1, i32, 1, i32},
		{0x60, 2, i32, i32, 1, i64},
	}
	type function struct {
		name string
		kind byte
		code []byte
	}
	trap := []byte{0x00}
	run := []byte{0x10, 0} // call workers.ready
	if p.unready {
		run = nil
	}
	functions := []function{
		{"run", typeRun, run},
		{"resume", typeNothing, nil},
		{"getsp", typeGetsp, i32Const(0)},
	}
	if p.exports {
		describe, route := i64Const(0), trap
		if p.describe != nil {
			describe = finished(describeAt)
		}
		if p.routes {
			route = finished(routeAt)
		}
		functions = append(functions,
			function{abi.ExportInput, typeInput, i32Const(16 << 10)},
			function{abi.ExportDescribe, typeExport, describe},
			function{abi.ExportRoute, typeExport, route},
			function{abi.ExportTurn, typeExport, trap},
		)
	}
	kinds, exports, bodies := [][]byte{}, [][]byte{named("mem", 2, 0)}, [][]byte{}
	for i, f := range functions {
		kinds = append(kinds, []byte{f.kind})
		exports = append(exports, named(f.name, 0, byte(i+1)))                          // function 0 is the import
		bodies = append(bodies, vector(slices.Concat([]byte{0}, f.code, []byte{0x0b}))) // no locals
	}
	data := [][]byte{segment(describeAt, p.describe), segment(routeAt, []byte{abi.DecisionHandler})}
	return slices.Concat(
		[]byte("\x00asm\x01\x00\x00\x00"),
		section(1, types),
		section(2, [][]byte{slices.Concat(vector([]byte("workers")), named("ready", 0, typeNothing))}),
		section(3, kinds),
		section(5, [][]byte{{0, 1}}), // one page of memory
		section(7, exports),
		section(10, bodies),
		section(11, data),
	)
}

// finished is the body of an export that has finished: it writes its number into the output at that address, and
// returns both, see package abi.
func finished(at int) []byte {
	return slices.Concat(
		i32Const(at+4), []byte{0x20, 0, 0x36, 2, 0}, // i32.store number
		[]byte{0x20, 0, 0xad}, i64Const(32), []byte{0x86}, i64Const(at), []byte{0x84}, // number<<32 | at
	)
}

func i32Const(n int) []byte { return append([]byte{0x41}, signed(n)...) }
func i64Const(n int) []byte { return append([]byte{0x42}, signed(n)...) }

// signed is n >= 0 in signed LEB128.
func signed(n int) (b []byte) {
	for ; n >= 0x40; n >>= 7 {
		b = append(b, byte(n&0x7f|0x80))
	}
	return append(b, byte(n))
}

func vector(b []byte) []byte { return append(binary.AppendUvarint(nil, uint64(len(b))), b...) }

func named(name string, kind, index byte) []byte { return append(vector([]byte(name)), kind, index) }

func section(id byte, entries [][]byte) []byte {
	content := binary.AppendUvarint(nil, uint64(len(entries)))
	return append([]byte{id}, vector(append(content, slices.Concat(entries...)...))...)
}

// segment is an output at that address: its length, room for the number, the payload.
func segment(at int, payload []byte) []byte {
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(payload)))
	output := slices.Concat(head, make([]byte, 4), payload)
	return slices.Concat([]byte{0}, i32Const(at), []byte{0x0b}, vector(output))
}
