// Package service is the app without its platform: what it serves, configured by vars. It is apart from the main
// package so that it can be tested without Wasm.
package service

import (
	"fmt"
	"net/http"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/actor/eventhub"
)

// Vars that configure the app.
const (
	// VarHeartbeat is how often an idle stream gets a comment, as a Go duration ("20s").
	VarHeartbeat = "HEARTBEAT"
)

// Path is where the hubs are.
const Path = "/hubs/"

// Program returns the app. env returns the value of a var, or "". It fails when a var makes no sense.
func Program(env func(name string) string) (actor.Program, error) {
	opts := eventhub.Options{Path: Path}
	if v := env(VarHeartbeat); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil {
			return actor.Program{}, fmt.Errorf("var %s: %q is not a duration such as \"20s\"", VarHeartbeat, v)
		}
		opts.Heartbeat = d
	}
	return actor.Program{
		Classes: []actor.Class{eventhub.Class(opts)},
		Route:   route,
		Header:  eventhub.CORS,
	}, nil
}

func route(r *actor.Request) actor.Decision {
	if r.Path != "/healthz" {
		return eventhub.Route(Path, r)
	}
	d := eventhub.Methods(r, http.MethodGet, http.MethodHead)
	if d.Answer == nil {
		d.Answer = actor.Text(http.StatusOK, "ok")
		d.Answer.Header.Set("Cache-Control", "no-store")
	}
	return d
}
