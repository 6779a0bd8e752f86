// Package gojs runs Go programs that were compiled with GOOS=js GOARCH=wasm, without JavaScript: it is the host that
// lib/wasm/wasm_exec.js is in a browser and the workerd runtime is on Cloudflare, written in Go on top of wazero.
//
// It has three layers:
//
//   - the imports of module "gojs" and the exports run, resume and getsp, which follow the wasm_exec.js of the Go
//     toolchain named in go.mod (the calling convention is private to a Go release and changes with it);
//   - an object model with the part of ECMAScript, WHATWG Fetch and WHATWG Streams that Go programs reach through
//     syscall/js, above all through github.com/syumai/workers;
//   - [Instance.ServeHTTP], which hands a request to such a program as a Request object and writes its Response.
//
// # One goroutine
//
// A Wasm instance must never be entered twice at a time: a timer that fires while an export runs corrupts the Go
// runtime inside. Each [Instance] therefore owns one goroutine, and everything that touches the program or an object of
// its world runs there: exports ([Instance.Do]), timers, promise reactions, chunks of a request body. Nothing else
// needs a lock.
//
// # Losing an instance
//
// When the program exits, traps or is given up by the caller, the instance is lost for good: [Instance.Done] is closed,
// [Instance.Err] names the cause, what waits fails with [ErrLost]. A new one is started from the same [Program] in a
// few milliseconds.
//
// # Caveats
//
// What is not supported throws an Error inside the program that names the thing. A running program cannot be
// interrupted: [Instance.Kill] gives it up, but its goroutine lives until the program returns to the host.
//
// Durable Objects, bindings, storage and routing belong elsewhere; they come in through the extra host module of
// [CompileOptions].
package gojs
