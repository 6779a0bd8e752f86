package worker

import (
	"encoding/binary"
	"fmt"
	"os"
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
		refuse(err)
	}
	d := program.front.Decide(r)
	return finish(number, abi.AppendDecision(begin(), &d))
}

//go:wasmexport hubbub_turn
func exportTurn(number, n uint32) uint64 {
	in, err := abi.DecodeInput(program.input[:n])
	if err != nil {
		refuse(err)
	}
	out := program.engine.Turn(in)
	return finish(number, abi.AppendOutput(begin(), &out))
}

// refuse ends an instance whose host does not keep to the interface.
func refuse(err error) {
	fmt.Fprintln(os.Stderr, "worker: the host's input:", err)
	os.Exit(1)
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
