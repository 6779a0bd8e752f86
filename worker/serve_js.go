package worker

import (
	"fmt"
	"net/http"
	"os"
	"runtime/debug"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/syumai/workers"
	"github.com/syumai/workers/cloudflare"
)

// Serve runs the program: it is the last thing that main calls, and does not return. handler, which may be nil, serves
// the requests that the front leaves to it, each on an instance leased to it alone, so that it may wait, fetch and use
// bindings. A program that is not well-formed, see [actor.Program], exits with what is wrong.
func Serve(p actor.Program, handler http.Handler) {
	p.HasHandler = handler != nil
	if err := start(p); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	workers.ServeNonBlock(withBody(handler))
	workers.Ready()
	select {} // the exports are called while main waits here
}

// maxStack bounds the stack of a turn, in bytes. A recursion without end then ends at once, and by that name, rather
// than by filling the isolate's memory.
const maxStack = 8 << 20

func start(p actor.Program) error {
	classes, err := p.Described()
	if err != nil {
		return err
	}
	debug.SetMaxStack(maxStack)
	program.description = abi.Description{Header: p.Header}
	for _, c := range classes {
		program.description.Classes = append(program.description.Classes, abi.ClassDescription{
			Name: c.Name, MaxBody: c.MaxBody, SessionBuffer: c.SessionBuffer, Heartbeat: c.Heartbeat, Slow: c.Slow,
		})
	}
	if program.front, err = actor.NewFront(p); err != nil {
		return err
	}
	program.engine, err = actor.NewEngine(p, host{})
	return err
}

// withBody keeps a promise of net/http that syumai/workers does not: a server's request always has a body.
func withBody(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body == nil {
			r.Body = http.NoBody
		}
		handler.ServeHTTP(w, r)
	})
}

// Env returns the value of one of the Worker's vars, or "" when there is none of that name.
func Env(name string) string { return cloudflare.Getenv(name) }
