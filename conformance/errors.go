package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// errorRequest is a request that must be refused.
type errorRequest struct {
	name    string
	request Request
	status  int
	// malformed marks a request that is no HTTP: a server may refuse it before
	// any program sees it, and then in words of its own.
	malformed bool
	// detail are words that the problem's detail must contain, in any case.
	detail []string
	// allow are methods that Allow must have; notAllow one that it must not.
	allow    []string
	notAllow string
}

func (e errorRequest) toCase() Case {
	return Case{
		Name:        "error/" + e.name,
		Explanation: fmt.Sprintf("What cannot be served is refused as status %d with a problem (RFC 9457) that says what was wrong.", e.status),
		Run: func(ctx context.Context, t *Target) error {
			r := e.request
			// An error about the body must not be one about the hub.
			r.Path = strings.Replace(r.Path, "{hub}", t.Hub("error"), 1)
			a, err := t.Do(ctx, r)
			if err != nil {
				return err
			}
			if e.malformed && a.Status == e.status {
				return nil
			}
			if err := problem(a, e.status, e.detail...); err != nil {
				return err
			}
			return e.checkAllow(a.Header)
		},
	}
}

func (e errorRequest) checkAllow(h http.Header) error {
	if e.status != http.StatusMethodNotAllowed {
		return nil
	}
	return checkAllow(h, "Allow", e.allow, e.notAllow)
}

func checkAllow(h http.Header, name string, want []string, not string) error {
	allow := tokens(h, name)
	for _, method := range want {
		if !allow[method] {
			return fmt.Errorf("%s is %q, want %s in it", name, h.Get(name), method)
		}
	}
	if not != "" && allow[not] {
		return fmt.Errorf("%s is %q, want no %s in it", name, h.Get(name), not)
	}
	return nil
}

// problem checks that a is a problem of the status whose detail contains one of the
// alternatives of each word ("a|b").
func problem(a Answer, status int, words ...string) error {
	if a.Status != status {
		return fmt.Errorf("status %d, want %d: %.300s", a.Status, status, a.Body)
	}
	if ct := mediaType(a.Header); ct != "application/problem+json" {
		return fmt.Errorf("content type %q, want application/problem+json: %.300s", ct, a.Body)
	}
	var p struct {
		Type   *string `json:"type"`
		Title  *string `json:"title"`
		Status *int    `json:"status"`
		Detail *string `json:"detail"`
	}
	if err := json.Unmarshal(a.Body, &p); err != nil {
		return fmt.Errorf("problem %.300q: %w", a.Body, err)
	}
	if p.Type == nil || p.Title == nil || p.Status == nil || p.Detail == nil {
		return fmt.Errorf("problem %.300s lacks one of type, title, status, detail", a.Body)
	}
	if *p.Status != status || *p.Title == "" || *p.Type == "" || *p.Detail == "" {
		return fmt.Errorf("problem %.300s: a member is empty or is not the answer's status %d", a.Body, status)
	}
	if got := a.Header.Get("Access-Control-Allow-Origin"); got != "*" {
		return fmt.Errorf("Access-Control-Allow-Origin of a problem is %q, want *", got)
	}
	for _, word := range words {
		if !containsAny(*p.Detail, word) {
			return fmt.Errorf("detail %q does not speak of %s", *p.Detail, word)
		}
	}
	return nil
}

func containsAny(s, alternatives string) bool {
	for word := range strings.SplitSeq(alternatives, "|") {
		if strings.Contains(strings.ToLower(s), strings.ToLower(word)) {
			return true
		}
	}
	return false
}

func errorCases() []Case {
	rows := badNames()
	rows = append(rows, badBodies()...)
	rows = append(rows, badEvents()...)
	rows = append(rows, badTypes()...)
	rows = append(rows, badMethods()...)
	rows = append(rows, tooLarge()...)
	rows = append(rows, badPublications()...)
	rows = append(rows, badSessions()...)
	for _, path := range []string{"/no-such-page", "/hubs", "/hubs/{hub}/no-such-thing", "/hubs/{hub}/events/more", "/hubs/{hub}/"} {
		rows = append(rows, errorRequest{
			name:    "not-found" + strings.NewReplacer("{hub}", "name").Replace(path),
			request: Request{Method: http.MethodGet, Path: path},
			status:  http.StatusNotFound,
		})
	}
	cases := make([]Case, 0, len(rows)+2)
	for _, row := range rows {
		cases = append(cases, row.toCase())
	}
	return append(cases,
		Case{
			Name:        "error/several-mib",
			Explanation: "A body of several MiB is answered with 413 before or while it is sent, and the next publish works.",
			Run:         severalMiBCase,
		},
		Case{
			Name:        "error/nested-deep",
			Explanation: "JSON that is nested thirty thousand deep is published or refused, but breaks nothing.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("deep")
				body := `{"data":` + strings.Repeat("[", 30_000) + strings.Repeat("]", 30_000) + `}`
				a, err := t.Post(ctx, hub, "application/json", body)
				if err != nil {
					return err
				}
				if a.Status != http.StatusOK {
					err = problem(a, http.StatusBadRequest)
				}
				_, after := t.PublishText(ctx, hub, "", "after")
				return errors.Join(err, after)
			},
		},
		Case{
			Name:        "error/leaves-nothing",
			Explanation: "A refused publish is seen by nobody and uses up no sequence number.",
			Run:         leavesNothingCase,
		},
	)
}

func badBodies() []errorRequest {
	var rows []errorRequest
	for _, b := range []struct{ name, body, detail string }{
		{"empty", "", ""},
		{"white-space", " \n", ""},
		{"not-json", "hello", ""},
		{"cut-short", `{"data":"x`, ""},
		{"trailing-garbage", `{"data":1} x`, ""},
		{"two-values", `{"data":1}{"data":2}`, ""},
		{"trailing-comma", `{"data":1,}`, ""},
		{"single-quotes", `{'data':1}`, ""},
		{"nan", `{"data":NaN}`, ""},
		{"array", `[1]`, ""},
		{"string", `"x"`, ""},
		{"null", `null`, ""},
		{"no-data", `{"event":"x"}`, "data"},
		{"no-fields", `{}`, "data"},
		{"unknown-field", `{"data":1,"colour":"red"}`, "colour"},
		{"event-not-string", `{"event":1,"data":1}`, "event"},
		{"not-utf-8", "{\"data\":\"\xff\"}", "utf-8|utf8"},
		{"not-utf-8-inside", "{\"data\":{\"a\":\"\xc0\xaf\"}}", "utf-8|utf8"},
		{"raw-line-feed-in-string", "{\"data\":\"a\nb\"}", ""},
	} {
		row := errorRequest{
			name:    "bad-body/" + b.name,
			request: post("/hubs/{hub}/events", "application/json", b.body),
			status:  http.StatusBadRequest,
		}
		if b.detail != "" {
			row.detail = []string{b.detail}
		}
		rows = append(rows, row)
	}
	return append(rows, errorRequest{
		name:    "bad-body/text-not-utf-8",
		request: post("/hubs/{hub}/events", "text/plain", "a\xe2\x82"),
		status:  http.StatusBadRequest,
		detail:  []string{"utf-8|utf8"},
	})
}

func badEvents() []errorRequest {
	var rows []errorRequest
	for _, e := range []struct{ label, escaped, encoded string }{
		{"line-feed", `a\nb`, "a%0Ab"}, {"carriage-return", `a\rb`, "a%0Db"}, {"nul", `a\u0000b`, "a%00b"},
		{"forged", `a\ndata: forged\n\n`, "a%0Adata%3A%20forged%0A%0A"},
	} {
		rows = append(rows, errorRequest{
			name:    "bad-event/" + e.label + "-as-json",
			request: post("/hubs/{hub}/events", "application/json", `{"event":"`+e.escaped+`","data":"x"}`),
			status:  http.StatusBadRequest,
			detail:  []string{"event"},
		}, errorRequest{
			name:    "bad-event/" + e.label + "-as-text",
			request: post("/hubs/{hub}/events?event="+e.encoded, "text/plain", "x"),
			status:  http.StatusBadRequest,
			detail:  []string{"event"},
		})
	}
	return rows
}

func badTypes() []errorRequest {
	var rows []errorRequest
	for label, contentType := range map[string]string{
		"none": "", "xml": "application/xml", "form": "application/x-www-form-urlencoded", "json-like": "application/jsonx",
		"problem": "application/problem+json", "html": "text/html", "nonsense": "//;",
	} {
		rows = append(rows, errorRequest{
			name:    "content-type/" + label,
			request: post("/hubs/{hub}/events", contentType, asJSON("x")),
			status:  http.StatusUnsupportedMediaType,
		})
	}
	return rows
}

func badMethods() []errorRequest {
	var rows []errorRequest
	for _, r := range []struct {
		path    string
		methods []string
		allow   []string
	}{
		{"/hubs/{hub}/events", []string{"PUT", "DELETE", "PATCH"}, []string{"GET", "HEAD", "POST", "OPTIONS"}},
		{"/hubs/{hub}", []string{"POST", "PUT", "DELETE"}, []string{"GET", "HEAD", "OPTIONS"}},
		{"/healthz", []string{"POST", "DELETE"}, []string{"GET", "HEAD", "OPTIONS"}},
		{"/", []string{"POST", "DELETE"}, []string{"GET", "HEAD", "OPTIONS"}},
	} {
		for _, method := range r.methods {
			rows = append(rows, errorRequest{
				name:    "method/" + method + strings.Replace(r.path, "{hub}", "name", 1),
				request: Request{Method: method, Path: r.path, Header: textPlain, Body: []byte("x")},
				status:  http.StatusMethodNotAllowed, allow: r.allow, notAllow: method,
			})
		}
	}
	return rows
}

func tooLarge() []errorRequest {
	long := strings.Repeat("x", MaxData+1)
	rows := []errorRequest{
		{name: "text", request: post("/hubs/{hub}/events", "text/plain", long)},
		{name: "json-string", request: post("/hubs/{hub}/events", "application/json", asJSON(long))},
		{name: "json-array", request: post("/hubs/{hub}/events", "application/json", `{"data":[`+strings.Repeat("1,", MaxData/2)+`1]}`)},
		{name: "escapes", request: post("/hubs/{hub}/events", "application/json", `{"data":"`+strings.Repeat(`\u0061`, MaxData+1)+`"}`)},
		{name: "umlauts", request: post("/hubs/{hub}/events", "text/plain", strings.Repeat("ä", MaxData/2)+"x")},
	}
	chunked := post("/hubs/{hub}/events", "text/plain", long)
	chunked.Chunked = true
	rows = append(rows, errorRequest{name: "chunked", request: chunked})
	for i := range rows {
		rows[i].name = "too-large/" + rows[i].name
		rows[i].status = http.StatusRequestEntityTooLarge
	}
	return rows
}

func severalMiBCase(ctx context.Context, t *Target) error {
	hub := t.Hub("mib")
	for _, contentType := range []string{"text/plain", "application/json"} {
		for _, chunked := range []bool{false, true} {
			body := strings.Repeat("x", 6<<20)
			if contentType == "application/json" {
				body = asJSON(body)
			}
			r := post(eventsPath(hub), contentType, body)
			r.Chunked = chunked
			if err := t.tooMuch(ctx, r); err != nil {
				return fmt.Errorf("%s, chunked %t: %w", contentType, chunked, err)
			}
			if _, err := t.PublishText(ctx, hub, "", "after"); err != nil {
				return err
			}
		}
	}
	return nil
}

// tooMuch expects 413 to a body that no server needs to read to its end. A server that
// answers and closes while the client still sends may have its answer overtaken by the
// connection's reset (RFC 9112, section 9.6), so a lost answer is asked for again.
func (t *Target) tooMuch(ctx context.Context, r Request) error {
	const attempts = 10
	var lost error
	for range attempts {
		a, err := t.Do(ctx, r)
		if err == nil {
			return problem(a, http.StatusRequestEntityTooLarge)
		}
		if ctx.Err() != nil {
			return err
		}
		lost = err
	}
	return fmt.Errorf("no answer in %d attempts: %w", attempts, lost)
}

func leavesNothingCase(ctx context.Context, t *Target) error {
	hub := t.Hub("refused")
	s, err := t.Subscribe(ctx, hub)
	if err != nil {
		return err
	}
	before, err := t.PublishText(ctx, hub, "", "before")
	if err != nil {
		return err
	}
	for _, r := range []Request{
		post(eventsPath(hub), "application/json", `{"data":1,"x":2}`),
		post(eventsPath(hub), "application/json", `{"event":"a\nb","data":"x"}`),
		post(eventsPath(hub), "application/xml", `<x/>`),
		post(eventsPath(hub), "text/plain", strings.Repeat("x", MaxData+1)),
	} {
		a, err := t.Do(ctx, r)
		if err != nil {
			return err
		}
		if a.Status < 400 {
			return fmt.Errorf("status %d for a bad publish", a.Status)
		}
	}
	info, err := t.Info(ctx, hub)
	if err != nil {
		return err
	}
	if info.LastEventID != before {
		return fmt.Errorf("lastEventId is %q after refused publishes, want %q", info.LastEventID, before)
	}
	after, err := t.PublishText(ctx, hub, "", "after")
	if err != nil {
		return err
	}
	return errors.Join(follows(before, after), s.Expect(ctx, before, "message", "before"), s.Expect(ctx, after, "message", "after"))
}
