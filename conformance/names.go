package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// maxName is the number of bytes that a decoded hub name may have.
const maxName = 256

func nameCases() []Case {
	const explanation = "A hub name is any 1 to 256 bytes of UTF-8 without control characters, percent-encoded into one path segment."
	var cases []Case
	for _, n := range []struct{ label, name string }{
		{"slash", "a/b"}, {"slash-first", "/a"}, {"backslash", `a\b`}, {"space", "a b"}, {"plus", "a+b"}, {"percent", "100%41"},
		{"question-mark", "a?b=c"}, {"number-sign", "a#b"}, {"emoji", "🐝"}, {"umlaut", "ä"}, {"dots", "..."},
		{"hidden", ".hidden"}, {"path-like", "../../etc/passwd"}, {"colon-at", "a:b@c"}, {"quotes", `"'<&>`},
		{"right-to-left", "\u202Ea"}, {"class-like", "chat/lobby"}, {"events", "events"}, {"semicolon", "a;b=c,d"},
	} {
		cases = append(cases, Case{Name: "name/" + n.label, Explanation: explanation, Run: func(ctx context.Context, t *Target) error {
			return roundTrip(ctx, t, n.name+t.Hub("-"))
		}})
	}
	return append(cases,
		Case{Name: "name/256-bytes", Explanation: explanation, Run: func(ctx context.Context, t *Target) error {
			name := t.Hub("long")
			name += strings.Repeat("é", (maxName-len(name))/2)
			name += strings.Repeat("x", maxName-len(name))
			return roundTrip(ctx, t, name)
		}},
		Case{Name: "name/one-byte", Explanation: explanation, Run: func(ctx context.Context, t *Target) error {
			_, err := t.Info(ctx, "x") // Shared by everybody, so nothing more can be said of it.
			return err
		}},
		Case{
			Name:        "name/distinct",
			Explanation: "Names that differ in a byte once decoded are different hubs: case, normalisation and separators count.",
			Run:         distinctCase,
		},
		Case{
			Name:        "name/same-when-decoded",
			Explanation: "However its name is percent-encoded, a hub is one and the same.",
			Run:         sameCase,
		},
	)
}

// roundTrip uses a name in all three requests of the surface.
func roundTrip(ctx context.Context, t *Target, name string) error {
	s, err := t.Subscribe(ctx, name) // Checks the name in the connected event.
	if err != nil {
		return err
	}
	id, err := t.PublishText(ctx, name, "", name)
	if err != nil {
		return err
	}
	if err := s.Expect(ctx, id, "message", name); err != nil {
		return err
	}
	info, err := t.Info(ctx, name)
	if err != nil {
		return err
	}
	if want := (Info{Hub: name, Sessions: 1, LastEventID: id}); info != want {
		return fmt.Errorf("info is %+v, want %+v", info, want)
	}
	return nil
}

func distinctCase(ctx context.Context, t *Target) error {
	base := t.Hub("distinct")
	names := []string{
		base + "a", base + "A", base + "a/b", base + "a%2Fb", base + "a\\b", base + "a b", base + "a+b", base + "a%20b",
		base + "\u00e9", base + "e\u0301", base + "a.", base + "a?", base + "a#", base + "a ", " " + base + "a",
		"\ufeff" + base + "a",
	}
	all, err := subscribeMany(ctx, t, len(names), func(i int) string { return names[i] })
	if err != nil {
		return err
	}
	for i, name := range names {
		id, err := t.PublishText(ctx, name, "", name)
		if err != nil {
			return err
		}
		if err := all[i].Expect(ctx, id, "message", name); err != nil {
			return fmt.Errorf("hub %q: %w", name, err)
		}
	}
	for i, s := range all {
		if err := s.Unread(); err != nil {
			return fmt.Errorf("hub %q: %w", names[i], err)
		}
	}
	return nil
}

func sameCase(ctx context.Context, t *Target) error {
	base := t.Hub("same")
	name := base + "~é(1)"
	s, err := t.Subscribe(ctx, name)
	if err != nil {
		return err
	}
	for _, encoded := range []string{base + "~%C3%A9(1)", base + "~%c3%a9(1)", base + "%7E%C3%a9%281%29", base + "%7e%C3%A9(%31)"} {
		id, err := published(t.Do(ctx, post("/hubs/"+encoded+"/events", "text/plain", encoded)))
		if err != nil {
			return err
		}
		if err := s.Expect(ctx, id, "message", encoded); err != nil {
			return fmt.Errorf("as %s: %w", encoded, err)
		}
	}
	return nil
}

// badNames are path segments that name no hub.
func badNames() []errorRequest {
	var rows []errorRequest
	for _, n := range []struct{ label, segment string }{
		{"empty", ""}, {"percent-alone", "%"}, {"percent-short", "a%4"}, {"percent-not-hex", "%zz"}, {"percent-percent", "%%41"},
		{"nul", "a%00"}, {"line-feed", "a%0Ab"}, {"carriage-return", "%0D"}, {"tab", "a%09"}, {"escape", "%1B"}, {"delete", "%7F"},
		{"c1-control", "a%C2%85"}, {"not-utf-8", "%FF"}, {"overlong", "%C0%AF"}, {"surrogate", "%ED%A0%80"}, {"cut-short", "a%E2%82"},
		{"257-bytes", strings.Repeat("x", maxName+1)}, {"257-bytes-of-umlauts", url.PathEscape(strings.Repeat("ä", maxName/2) + "x")},
	} {
		for _, m := range []struct{ label, method, suffix string }{
			{"events", http.MethodGet, "/events"}, {"publish", http.MethodPost, "/events"}, {"info", http.MethodGet, ""},
		} {
			rows = append(rows, errorRequest{
				name:    "bad-name/" + n.label + "/" + m.label,
				request: Request{Method: m.method, Path: "/hubs/" + n.segment + m.suffix, Header: textPlain, Body: bodyOf(m.method)},
				status:  http.StatusBadRequest,
				// RFC 3986 has no percent sign without two hexadecimal digits.
				malformed: strings.HasPrefix(n.label, "percent-"),
			})
		}
	}
	return rows
}

var textPlain = http.Header{"Content-Type": {"text/plain"}}

func bodyOf(method string) []byte {
	if method == http.MethodPost {
		return []byte("x")
	}
	return nil
}
