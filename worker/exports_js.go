package worker

import (
	"encoding/binary"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
)

// program is what the exports work on: exports are functions of the module, so that it cannot be but global.
var program struct {
	description abi.Description
	front       *actor.Front
	engine      *actor.Engine

	input  []byte // where the host writes an export's input
	output []byte // where it finds the output
}

// keepBuffer is the largest buffer that is kept for the next call.
const keepBuffer = 1 << 20

//go:wasmexport hubbub_input
func exportInput(n uint32) unsafe.Pointer {
	if uint32(cap(program.input)) < n || cap(program.input) > keepBuffer {
		program.input = make([]byte, max(n, 4096))
	}
	program.input = program.input[:n]
	return unsafe.Pointer(unsafe.SliceData(program.input))
}

//go:wasmexport hubbub_describe
func exportDescribe(number, _ uint32) uint64 {
	return finish(number, abi.AppendDescription(begin(), &program.description))
}

//go:wasmexport hubbub_route
func exportRoute(number, n uint32) uint64 {
	r, err := abi.DecodeRoute(program.input[:n])
	if err != nil {
		fatal("the host's input: %v", err)
	}
	d := program.front.Decide(r)
	return finish(number, abi.AppendDecision(begin(), &d))
}

//go:wasmexport hubbub_turn
func exportTurn(number, n uint32) uint64 {
	in, err := abi.DecodeInput(program.input[:n])
	if err != nil {
		fatal("the host's input: %v", err)
	}
	before := runtime.NumGoroutine()
	out := program.engine.Turn(in)
	if runtime.NumGoroutine() > before {
		// It would run hub code outside of any turn. There is no way to stop it but to end the instance.
		fatal("hub %s: the turn left a goroutine behind: hub code must not start goroutines", in.Hub)
	}
	return finish(number, abi.AppendOutput(begin(), &out))
}

// fatal ends the instance, and says why.
func fatal(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "fatal error: "+format+"\n", args...)
	os.Exit(2)
}

const outputHead = 8 // the payload's length and the call's number

func begin() []byte {
	if cap(program.output) > keepBuffer {
		program.output = nil
	}
	return append(program.output[:0], make([]byte, outputHead)...)
}

// finish is the proof that the export has finished, see package abi.
func finish(number uint32, out []byte) uint64 {
	binary.LittleEndian.PutUint32(out, uint32(len(out)-outputHead))
	binary.LittleEndian.PutUint32(out[4:], number)
	program.output = out
	return uint64(number)<<32 | uint64(uintptr(unsafe.Pointer(unsafe.SliceData(out))))
}
