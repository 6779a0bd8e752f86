// Package worker is the Cloudflare side of a Hubbub program: a program's main calls [Serve], and the same Wasm then
// runs as a Worker, with the shim beside it (folder shim), and in the local runner.
//
//	func main() {
//		worker.Serve(actor.Program{Classes: []actor.Class{{
//			Name: "Counter", Path: "/counters/", New: func() actor.Hub { return &Counter{} },
//		}}}, nil)
//	}
//
// It implements the program's half of package abi, and serves the program's http.Handler through
// github.com/syumai/workers. It is the lowest layer, the only one that knows of GOOS=js: on other systems the package
// is empty, and hubs are tested with package actortest instead.
package worker
