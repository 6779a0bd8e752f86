// Package service is the app without its platform: what it serves, configured by vars. It is apart from the main
// package so that it can be tested without Wasm.
package service

import (
	"net/http"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
)

// Path is where the hubs are.
const Path = "/hubs/"

// Program returns the app. env returns the value of a var, or "". It fails when a var makes no sense.
func Program(env func(name string) string) (actor.Program, error) {
	opts, err := options(env)
	if err != nil {
		return actor.Program{}, err
	}
	opts.Path = Path
	return actor.Program{
		Classes: []actor.Class{eventhub.Class(opts)},
		Route:   route,
		Header:  eventhub.CORS,
	}, nil
}

func route(r *actor.Request) actor.Decision {
	switch r.Path {
	case "/": // the page is an asset, which is served before the program is asked
		return eventhub.Methods(r, http.MethodGet, http.MethodHead)
	case "/healthz":
	default:
		return eventhub.Route(Path, r)
	}
	d := eventhub.Methods(r, http.MethodGet, http.MethodHead)
	if d.Answer == nil {
		d.Answer = actor.Text(http.StatusOK, "ok")
		d.Answer.Header.Set("Cache-Control", "no-store")
	}
	return d
}
