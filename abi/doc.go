// Package abi states the interface between a Hubbub program, compiled to Wasm, and its hosts: the Cloudflare shim and
// the local runner. It is stated here once: names, values, layouts, ownership and errors. Package worker implements the
// program's side, package localrunner a host's; the shim's constants are generated from it (worker/shim/abi.gen.mjs).
//
// # A turn
//
// The host writes the input into memory of the program and calls an export; the program leaves its output in memory of
// its own and returns where:
//
//	ptr := hubbub_input(n)       // the program's buffer for n bytes of input; valid until the next call of an export
//	memory[ptr:ptr+n] = input
//	r := hubbub_turn(number, n)  // number: the host's own, never 0, another one each time
//	r >> 32 == number            // or the program has not finished: see below
//	out := memory[r & 0xffffffff:]
//	out[0:4] == len(payload), out[4:8] == number, out[8:] = payload
//
// Integers are little-endian and unsigned unless said otherwise. The input belongs to the host until the export is
// called, and the output to the host until it calls an export again. During the call the program calls the imports,
// whose pointers are valid only while they run: memory may move and grow in any call into the program.
//
// # Proof of having finished
//
// A turn that blocks hands control back to the host in the middle: the export returns, with whatever is in its result.
// So the host checks number twice, in the result and in the output. When it does not agree, or the export trapped, or
// the program exited, the instance is lost: it must not be entered again.
//
// # Imports never throw
//
// An import that fails returns [Failed] and keeps the cause, which the program reads with last_error. Throwing through
// Go's frames would corrupt the program.
package abi
