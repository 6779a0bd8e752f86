package conformance

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// MaxData is the number of bytes of data that an event may have.
const MaxData = 64 << 10

// payload is a publish and what subscribers must see of it.
type payload struct {
	name, explanation string
	// contentType is application/json when empty.
	contentType string
	body        string
	wantName    string
	wantData    string
}

func (p payload) toCase(prefix string) Case {
	return Case{
		Name:        prefix + p.name,
		Explanation: p.explanation,
		Run: func(ctx context.Context, t *Target) error {
			hub := t.Hub("data")
			s, err := t.Subscribe(ctx, hub)
			if err != nil {
				return err
			}
			contentType := p.contentType
			if contentType == "" {
				contentType = "application/json"
			}
			return publishAndExpect(ctx, t, hub, s, post(eventsPath(hub), contentType, p.body), p.wantName, p.wantData)
		},
	}
}

// publishAndExpect also publishes a plain event afterwards: had the one before
// broken out of its fields, the stream would show it there.
func publishAndExpect(ctx context.Context, t *Target, hub string, s *Subscriber, r Request, name, data string) error {
	if name == "" {
		name = "message"
	}
	id, err := published(t.Do(ctx, r))
	if err != nil {
		return err
	}
	if err := s.Expect(ctx, id, name, data); err != nil {
		return err
	}
	next, err := t.PublishText(ctx, hub, "", "the one after")
	if err != nil {
		return err
	}
	if err := follows(id, next); err != nil {
		return err
	}
	return s.Expect(ctx, next, "message", "the one after")
}

// asJSON is {"data":s} with s as a JSON string.
func asJSON(s string) string {
	b, err := json.Marshal(map[string]string{"data": s})
	if err != nil {
		panic(err) // A string always marshals.
	}
	return string(b)
}

func dataCases() []Case {
	const whole = "Data arrives as it was sent, with every line end as LF."
	var cases []Case
	for _, d := range []struct{ name, data, want string }{
		{"plain", "hello", "hello"},
		{"multi-line", "a\nb\n\nc", "a\nb\n\nc"},
		{"crlf", "a\r\nb\r\n\r\nc", "a\nb\n\nc"},
		{"lone-cr", "a\rb\r\rc", "a\nb\n\nc"},
		{"mixed-line-ends", "a\n\rb\r\n\nc\r", "a\n\nb\n\nc\n"},
		{"only-line-ends", "\n\r\n\r", "\n\n\n"},
		{"trailing-line-end", "a\n", "a\n"},
		{"empty", "", ""},
		{"nul", "a\x00b\x00", "a\x00b\x00"},
		{"emoji", "👩‍👩‍👧‍👦 grüße \u202E\u2028 𝕳", "👩‍👩‍👧‍👦 grüße \u202E\u2028 𝕳"},
		{"byte-order-mark", "\uFEFFa\n\uFEFFb", "\uFEFFa\n\uFEFFb"},
		{"leading-space", " a\n  b\n\tc", " a\n  b\n\tc"},
		{"only-spaces", "  \n ", "  \n "},
		{"colons", ":a\n: b\n:", ":a\n: b\n:"},
		{"forged-fields", "x\n\nevent: forged\nid: 9-9\nretry: 1\ndata: forged\n\n", "x\n\nevent: forged\nid: 9-9\nretry: 1\ndata: forged\n\n"},
		{"control-characters", "\x01\x08\x0b\x0c\x1b\x7f\u0085", "\x01\x08\x0b\x0c\x1b\x7f\u0085"},
		{"64-kib", strings.Repeat("0123456789abcdef", MaxData/16), strings.Repeat("0123456789abcdef", MaxData/16)},
		{"64-kib-of-line-ends", strings.Repeat("\n", MaxData), strings.Repeat("\n", MaxData)},
		{"64-kib-of-emoji", strings.Repeat("🐝", MaxData/4), strings.Repeat("🐝", MaxData/4)},
	} {
		cases = append(cases,
			payload{name: d.name + "-as-json", explanation: whole, body: asJSON(d.data), wantData: d.want}.toCase("data/"),
			payload{name: d.name + "-as-text", explanation: whole, contentType: "text/plain", body: d.data, wantData: d.want}.toCase("data/"),
		)
	}
	return append(cases, jsonCases()...)
}

func jsonCases() []Case {
	const compact = "A JSON value that is not a string arrives as compact JSON: without white space, otherwise untouched."
	nested := strings.Repeat("[", 500) + strings.Repeat("]", 500)
	var cases []Case
	for _, p := range []payload{
		{name: "object", body: `{"data": { "b" : 1 , "a" : [ true , null ] } }`, wantData: `{"b":1,"a":[true,null]}`},
		{name: "array", body: "{\"data\":[\n1,\r\n\t2 ]}", wantData: `[1,2]`},
		{name: "empty-object", body: `{"data":{ }}`, wantData: `{}`},
		{name: "number", body: `{"data": -12.50e+3 }`, wantData: `-12.50e+3`},
		{name: "large-number", body: `{"data":12345678901234567890123}`, wantData: `12345678901234567890123`},
		{name: "true", body: `{"data":true}`, wantData: `true`},
		{name: "false", body: `{"data":false}`, wantData: `false`},
		{name: "null", body: `{"data":null}`, wantData: `null`},
		{name: "string-inside", body: `{"data":["a b\n\u0000","<&>"," "]}`, wantData: `["a b\n\u0000","<&>"," "]`},
		{name: "repeated-names", body: `{"data":{"a":1,"a":2}}`, wantData: `{"a":1,"a":2}`},
		{name: "nested", body: `{"data":` + nested + `}`, wantData: nested},
		{name: "large", body: `{"data":[` + strings.Repeat(`{"key": "value"}, `, 3000) + `0]}`, wantData: `[` + strings.Repeat(`{"key":"value"},`, 3000) + `0]`},
		{name: "escaped-string", body: `{"data":"\u0061\/\ud83d\udc1d\t"}`, wantData: "a/🐝\t"},
		{name: "white-space-around", body: " \r\n\t{\"data\":1}\n ", wantData: `1`},
		{name: "64-kib-of-escapes", body: `{"data":"` + strings.Repeat(`\u0000`, MaxData) + `"}`, wantData: strings.Repeat("\x00", MaxData)},
		{name: "64-kib-array", body: `{"data":[` + strings.Repeat("1 , ", MaxData/2-2) + `10]}`, wantData: `[` + strings.Repeat("1,", MaxData/2-2) + `10]`},
	} {
		if p.explanation = compact; strings.HasPrefix(p.wantData, "a/") || strings.HasPrefix(p.wantData, "\x00") {
			p.explanation = "A JSON string arrives as the text it stands for; its data is measured decoded."
		}
		cases = append(cases, p.toCase("json/"))
	}
	return cases
}

func eventNameCases() []Case {
	const kept = "An event name arrives as it was sent, in JSON as well as in the query of plain text."
	var cases []Case
	for _, n := range []struct{ label, event, want string }{
		{"plain", "tick", "tick"},
		{"space", " a b ", " a b "},
		{"emoji", "🐝", "🐝"},
		{"colon", "a: b", "a: b"},
		{"escapes", "a%0Ab+c&d", "a%0Ab+c&d"},
		{"tab", "a\tb", "a\tb"},
		{"empty", "", "message"},
	} {
		body, err := json.Marshal(map[string]string{"event": n.event, "data": "x"})
		if err != nil {
			panic(err) // Strings always marshal.
		}
		cases = append(cases,
			payload{name: n.label + "-as-json", explanation: kept, body: string(body), wantName: n.want, wantData: "x"}.toCase("event-name/"),
			Case{Name: "event-name/" + n.label + "-as-text", Explanation: kept, Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("event")
				s, err := t.Subscribe(ctx, hub)
				if err != nil {
					return err
				}
				r := post(eventsPath(hub)+"?event="+url.QueryEscape(n.event), "text/plain", "x")
				return publishAndExpect(ctx, t, hub, s, r, n.want, "x")
			}},
		)
	}
	return cases
}

func bodyCases() []Case {
	var cases []Case
	for _, b := range []struct{ name, contentType, body, want string }{
		{"json-with-charset", "application/json; charset=utf-8", asJSON("x"), "x"},
		{"json-in-capitals", "Application/JSON", asJSON("x"), "x"},
		{"text-with-charset", "text/plain;charset=UTF-8", "é", "é"},
	} {
		cases = append(cases, payload{name: b.name, explanation: "Content types are compared without their case and parameters.",
			contentType: b.contentType, body: b.body, wantData: b.want}.toCase("body/"))
	}
	for _, size := range []int{1, MaxData} {
		for _, contentType := range []string{"application/json", "text/plain"} {
			data := strings.Repeat("x", size)
			body := data
			if contentType == "application/json" {
				body = asJSON(data)
			}
			cases = append(cases, Case{
				Name:        fmt.Sprintf("body/chunked-%s-%d", strings.TrimPrefix(contentType, "application/"), size),
				Explanation: "A body that does not tell its length beforehand is taken like any other.",
				Run: func(ctx context.Context, t *Target) error {
					hub := t.Hub("chunked")
					s, err := t.Subscribe(ctx, hub)
					if err != nil {
						return err
					}
					r := post(eventsPath(hub), contentType, body)
					r.Chunked = true
					return publishAndExpect(ctx, t, hub, s, r, "", data)
				},
			})
		}
	}
	return append(cases, Case{
		Name:        "body/publish-without-subscriber",
		Explanation: "An event is published, and has its id, also when nobody listens.",
		Run: func(ctx context.Context, t *Target) error {
			hub := t.Hub("nobody")
			a, err := t.PublishText(ctx, hub, "", "1")
			if err != nil {
				return err
			}
			b, err := published(t.Do(ctx, Request{Method: http.MethodPost, Path: eventsPath(hub), Header: http.Header{"Content-Type": {"text/plain"}}}))
			if err != nil {
				return err
			}
			return follows(a, b)
		},
	})
}
