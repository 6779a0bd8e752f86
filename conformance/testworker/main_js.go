// Command testworker is the program of the conformance suite's fault and handler cases: the app, whose hubs can be told
// to fail in each way a turn can, and an http.Handler.
package main

import (
	"fmt"
	"os"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
	"github.com/hubbub-edge/hubbub/worker"
	"github.com/hubbub-edge/hubbub/worker/app/service"
)

func main() {
	p, err := service.Program(worker.Env)
	if err != nil {
		fmt.Fprintln(os.Stderr, "testworker:", err)
		os.Exit(1)
	}
	sound := p.Classes[0].New
	p.Classes[0].New = func() actor.Hub { return &faultyHub{sound().(*eventhub.Hub)} }
	inner := p.Route
	p.Route = func(r *actor.Request) actor.Decision {
		if name, _, ok := faultPath(r.Path); ok {
			return actor.Decision{Hub: actor.Address{Class: p.Classes[0].Name, Name: name}}
		}
		return inner(r)
	}
	worker.Serve(p, handler())
}

var _ actor.Hub = (*faultyHub)(nil)

// faultyHub is the app's hub with one more resource: POST faults/{kind} stages a write and an event, and then fails.
type faultyHub struct{ *eventhub.Hub }

func (h *faultyHub) Request(t *actor.Turn, r *actor.Request) (*actor.Response, error) {
	_, kind, ok := faultPath(r.Path)
	if !ok {
		return h.Hub.Request(t, r)
	}
	fault, ok := faults[kind]
	if !ok {
		return actor.Problem(404, "there is no fault named "+kind), nil
	}
	if err := t.Storage().Put("fault", []byte(kind)); err != nil {
		return nil, err
	}
	id, err := t.Publish(actor.Event{Name: "fault", Data: kind})
	if err != nil {
		return nil, err
	}
	if err := fault(); err != nil {
		return nil, err
	}
	return actor.JSON(200, map[string]string{"id": id}), nil
}
