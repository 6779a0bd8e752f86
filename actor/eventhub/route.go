package eventhub

import (
	"net/http"
	"slices"
	"strings"

	"github.com/hubbub-edge/hubbub/actor"
)

// CORS lets pages of every origin read a program's answers: put it into [actor.Program.Header].
var CORS = actor.Header{
	{Name: "Access-Control-Allow-Origin", Value: "*"},
	{Name: "Access-Control-Expose-Headers", Value: "Allow, Retry-After"},
}

// Route answers, of the requests below path, those that need no hub: OPTIONS (a CORS preflight or not), a method that
// the resource does not have, a path that names no resource. Of others it decides nothing.
func Route(path string, r *actor.Request) actor.Decision {
	name, rest, ok, err := actor.SplitPath(r.Path, path)
	if !ok || err != nil {
		return actor.Decision{} // the front refuses a bad name itself
	}
	switch rest {
	case "":
		return Methods(r, http.MethodGet, http.MethodHead)
	case "/events":
		return Methods(r, http.MethodGet, http.MethodHead, http.MethodPost)
	case "/sessions":
		return Methods(r, http.MethodGet, http.MethodHead)
	}
	if id, ok := strings.CutPrefix(rest, "/sessions/"); ok && id != "" && !strings.Contains(id, "/") {
		return Methods(r, http.MethodDelete)
	}
	return actor.Decision{Answer: actor.Problem(http.StatusNotFound, "hub "+name+" has nothing at "+rest)}
}

// Methods answers OPTIONS, and a method that is not among allowed with 405, and decides nothing of the others.
func Methods(r *actor.Request, allowed ...string) actor.Decision {
	if slices.Contains(allowed, r.Method) {
		return actor.Decision{}
	}
	list := strings.Join(append(allowed, http.MethodOptions), ", ")
	switch {
	case r.Method != http.MethodOptions:
		res := actor.Problem(http.StatusMethodNotAllowed, "the method "+r.Method+" is not among "+list)
		res.Header.Set("Allow", list)
		return actor.Decision{Answer: res}
	case r.Header.Get("Access-Control-Request-Method") == "":
		return actor.Decision{Answer: &actor.Response{
			Status: http.StatusNoContent, Header: actor.Header{{Name: "Allow", Value: list}},
		}}
	}
	// https://fetch.spec.whatwg.org/#cors-preflight-fetch
	return actor.Decision{Answer: &actor.Response{Status: http.StatusNoContent, Header: actor.Header{
		{Name: "Access-Control-Allow-Methods", Value: list},
		{Name: "Access-Control-Allow-Headers", Value: "Content-Type, Last-Event-ID, Idempotency-Key"},
		{Name: "Access-Control-Max-Age", Value: "86400"},
	}}}
}
