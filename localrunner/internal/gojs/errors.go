package gojs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero/sys"
)

var (
	// ErrLost is matched by every error about an instance that can no longer be used. The value is a *LostError.
	ErrLost = errors.New("gojs: instance lost")

	// ErrClosed is the cause of an instance that its owner closed.
	ErrClosed = errors.New("gojs: instance closed")

	// ErrNotReady is returned by [Program.Start] when the program ended, or its time was up, before it called
	// workers.Ready.
	ErrNotReady = errors.New("gojs: the program did not become ready")

	// ErrBlocked is for functions passed to [Instance.Do] to return: the export came back without the sign that its
	// function had finished, so a goroutine blocked in it and the runtime inside is corrupt.
	ErrBlocked = errors.New("gojs: the export returned before its function had finished: it blocked")

	// ErrStackOverflow is matched by the cause of an instance whose program recursed too deeply, whether the Wasm
	// stack, the program's own limit or, while a stack grew, its memory came to an end.
	ErrStackOverflow = errors.New("gojs: stack overflow")

	// ErrRejected is matched by the error that [Config].Failed gets when the program answered a request by rejecting
	// it, or had no handler for it. The instance lives on.
	ErrRejected = errors.New("gojs: the program did not answer the request")
)

// LostError says why an instance is lost. It matches [ErrLost], and the cause matches through errors.Is and errors.As:
// *[ExitError], *[TrapError], *[HostPanicError], [ErrStackOverflow], [ErrBlocked], [ErrClosed] or what the function
// passed to [Instance.Do] returned.
type LostError struct {
	Cause error
	// Stderr is the end of what the program wrote to standard error, at most 4 KiB: a Go panic and its traces.
	Stderr string
}

func (e *LostError) Error() string { return "gojs: instance lost: " + trimPrefix(e.Cause) }

// Is reports whether target is [ErrLost].
func (e *LostError) Is(target error) bool { return target == ErrLost }

func (e *LostError) Unwrap() error { return e.Cause }

// ExitError is the end of the program by its own hand: os.Exit, a return from main, a panic that nobody recovered
// (code 2) or a fatal error of the Go runtime (code 2).
type ExitError struct {
	Code int
	// Reason is the line of a panic or of a fatal error that preceded the exit, such as "panic: boom". It is empty
	// for a plain exit.
	Reason string

	overflow bool
}

func (e *ExitError) Error() string {
	switch {
	case e.overflow:
		return "gojs: stack overflow (" + e.Reason + ")"
	case e.Reason != "":
		return "gojs: the program ended with " + e.Reason
	case e.Code == 0:
		return "gojs: the program ended: main returned or os.Exit(0)"
	default:
		return fmt.Sprintf("gojs: the program called os.Exit(%d)", e.Code)
	}
}

// Is reports whether target is [ErrStackOverflow] and the Go runtime ended the program for that.
func (e *ExitError) Is(target error) bool { return target == ErrStackOverflow && e.overflow }

// TrapError is a trap of the Wasm machine.
type TrapError struct {
	// Trap is the name of the trap, such as "unreachable" or "out of bounds memory access".
	Trap string
	// Trace is the Wasm stack at the trap, innermost call first, one call a line. It may be empty.
	Trace string
}

const trapStackOverflow = "stack overflow"

func (e *TrapError) Error() string {
	if e.Trap == trapStackOverflow {
		return "gojs: stack overflow"
	}
	return "gojs: trap: " + e.Trap
}

// Is reports whether target is [ErrStackOverflow] and the trap was one.
func (e *TrapError) Is(target error) bool {
	return target == ErrStackOverflow && e.Trap == trapStackOverflow
}

// HostPanicError is a panic of Go code of the host, in a function passed to [Instance.Do] or in a host function. The
// instance is lost because nobody knows how far the program got.
type HostPanicError struct {
	Value any
	Stack string
}

func (e *HostPanicError) Error() string { return fmt.Sprintf("gojs: the host panicked: %v", e.Value) }

// lostUnwind is what the host panics with to leave all nested entries of an instance once it is lost. The cause has
// been noted before; wazero turns the panic into an error at each border of the program.
type lostUnwind struct{}

func (lostUnwind) Error() string { return "gojs: unwinding a lost instance" }

const wasmErrorPrefix = "wasm error: "

// causeOf gives the error of a call into Wasm its type. wazero keeps its trap values internal, so that their text is
// all there is to tell them apart.
func causeOf(err error) error {
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		return &ExitError{Code: int(int32(exit.ExitCode()))}
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		text := e.Error()
		if text == trapStackOverflow {
			return &TrapError{Trap: trapStackOverflow}
		}
		if rest, ok := strings.CutPrefix(text, wasmErrorPrefix); ok {
			trap, trace, _ := strings.Cut(rest, "\n")
			_, trace, _ = strings.Cut(trace, "\n")
			return &TrapError{Trap: trap, Trace: strings.ReplaceAll(trace, "\t", "")}
		}
	}
	return err
}

func trimPrefix(err error) string { return strings.TrimPrefix(err.Error(), "gojs: ") }
