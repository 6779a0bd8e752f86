package conformance

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

func httpCases() []Case {
	return []Case{
		{
			Name:        "http/healthz",
			Explanation: "/healthz answers 200, as plain text, with ok.",
			Run: func(ctx context.Context, t *Target) error {
				a, err := t.Get(ctx, "/healthz")
				if err != nil {
					return err
				}
				if a.Status != http.StatusOK || mediaType(a.Header) != "text/plain" || strings.TrimSpace(string(a.Body)) != "ok" {
					return fmt.Errorf("status %d, %q: %.100q", a.Status, a.Header.Get("Content-Type"), a.Body)
				}
				return nil
			},
		},
		{
			Name:        "http/head",
			Explanation: "HEAD answers as GET does, without a body.",
			Run:         headAsGetCase,
		},
		{
			Name:        "http/page",
			Explanation: "/ is an HTML page whose linked scripts, styles and icons load with their content types.",
			Run:         pageCase,
		},
		{
			Name:        "cors/simple",
			Explanation: "Every answer may be read by every origin.",
			Run:         corsSimpleCase,
		},
		{
			Name:        "cors/preflight",
			Explanation: "A preflight is answered 204 with the methods, the headers and how long that holds.",
			Run:         preflightCase,
		},
		{
			Name:        "http/options",
			Explanation: "OPTIONS without preflight headers answers 204 with Allow.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("options")
				for path, allow := range surface(hub) {
					a, err := t.Do(ctx, Request{Method: http.MethodOptions, Path: path})
					if err != nil {
						return err
					}
					if a.Status != http.StatusNoContent || len(a.Body) > 0 {
						return fmt.Errorf("OPTIONS %s: status %d: %.100q", path, a.Status, a.Body)
					}
					if err := checkAllow(a.Header, "Allow", allow, ""); err != nil {
						return fmt.Errorf("OPTIONS %s: %w", path, err)
					}
				}
				return nil
			},
		},
	}
}

// surface is what paths allow.
func surface(hub string) map[string][]string {
	return map[string][]string{
		eventsPath(hub):            {"GET", "HEAD", "POST", "OPTIONS"},
		hubPath(hub):               {"GET", "HEAD", "OPTIONS"},
		sessionsPath(hub):          {"GET", "HEAD", "OPTIONS"},
		sessionsPath(hub) + "/any": {"DELETE", "OPTIONS"},
		"/healthz":                 {"GET", "HEAD", "OPTIONS"},
	}
}

func headAsGetCase(ctx context.Context, t *Target) error {
	for _, path := range []string{hubPath(t.Hub("head")), "/healthz", "/", "/no-such-page", "/hubs/%zz"} {
		get, err := t.Get(ctx, path)
		if err != nil {
			return err
		}
		head, err := t.Do(ctx, Request{Method: http.MethodHead, Path: path})
		if err != nil {
			return err
		}
		if head.Status != get.Status || mediaType(head.Header) != mediaType(get.Header) {
			return fmt.Errorf("HEAD %s: status %d, %q; GET: %d, %q", path,
				head.Status, mediaType(head.Header), get.Status, mediaType(get.Header))
		}
		if n := head.Header.Get("Content-Length"); n != "" && n != strconv.Itoa(len(get.Body)) {
			return fmt.Errorf("HEAD %s: Content-Length %s, GET has %d bytes", path, n, len(get.Body))
		}
	}
	return nil
}

func corsSimpleCase(ctx context.Context, t *Target) error {
	hub := t.Hub("cors")
	for _, r := range []Request{
		{Method: http.MethodGet, Path: hubPath(hub)},
		{Method: http.MethodGet, Path: "/healthz"},
		{Method: http.MethodGet, Path: "/no-such-page"},
		{Method: http.MethodHead, Path: eventsPath(hub)},
		{Method: http.MethodDelete, Path: eventsPath(hub)},
		{Method: http.MethodGet, Path: sessionsPath(hub)},
		{Method: http.MethodDelete, Path: sessionsPath(hub) + "/nobody"},
		post(eventsPath(hub), "text/plain", "x"),
		post(eventsPath(hub), "application/json", "x"),
	} {
		if r.Header == nil {
			r.Header = http.Header{}
		}
		r.Header.Set("Origin", "https://elsewhere.example")
		a, err := t.Do(ctx, r)
		if err != nil {
			return err
		}
		if got := a.Header.Values("Access-Control-Allow-Origin"); len(got) != 1 || got[0] != "*" {
			return fmt.Errorf("%s %s: Access-Control-Allow-Origin is %q, want *", r.Method, r.Path, got)
		}
	}
	return nil
}

func preflightCase(ctx context.Context, t *Target) error {
	for path, allow := range surface(t.Hub("preflight")) {
		method := allow[len(allow)-2]
		a, err := t.Do(ctx, Request{Method: http.MethodOptions, Path: path, Header: http.Header{
			"Origin":                         {"https://elsewhere.example"},
			"Access-Control-Request-Method":  {method},
			"Access-Control-Request-Headers": {"content-type,idempotency-key,last-event-id"},
		}})
		if err != nil {
			return err
		}
		if a.Status != http.StatusNoContent || len(a.Body) > 0 {
			return fmt.Errorf("preflight of %s: status %d: %.100q", path, a.Status, a.Body)
		}
		if got := a.Header.Get("Access-Control-Allow-Origin"); got != "*" {
			return fmt.Errorf("preflight of %s: Access-Control-Allow-Origin is %q", path, got)
		}
		if err := checkAllow(a.Header, "Access-Control-Allow-Methods", []string{method}, ""); err != nil {
			return err
		}
		allowed := tokens(http.Header{"Lower": {strings.ToLower(a.Header.Get("Access-Control-Allow-Headers"))}}, "Lower")
		if path != "/healthz" && (!allowed["content-type"] || !allowed["idempotency-key"] || !allowed["last-event-id"]) {
			return fmt.Errorf("preflight of %s: Access-Control-Allow-Headers is %q, want Content-Type, Idempotency-Key and Last-Event-ID in it",
				path, a.Header.Get("Access-Control-Allow-Headers"))
		}
		if age, err := strconv.Atoi(a.Header.Get("Access-Control-Max-Age")); err != nil || age <= 0 {
			return fmt.Errorf("preflight of %s: Access-Control-Max-Age is %q", path, a.Header.Get("Access-Control-Max-Age"))
		}
	}
	return nil
}

var (
	linked      = regexp.MustCompile(`(?i)<(script|link|img)\b[^>]*\b(?:src|href)\s*=\s*["']([^"']+)["']`)
	contentType = map[string]string{".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png"}
)

func pageCase(ctx context.Context, t *Target) error {
	page, err := t.Get(ctx, "/")
	if err != nil {
		return err
	}
	if page.Status != http.StatusOK || mediaType(page.Header) != "text/html" {
		return fmt.Errorf("/: status %d, content type %q", page.Status, page.Header.Get("Content-Type"))
	}
	if !strings.Contains(strings.ToLower(string(page.Body)), "<!doctype html>") {
		return fmt.Errorf("/ has no doctype: %.100q", page.Body)
	}
	for _, match := range linked.FindAllStringSubmatch(string(page.Body), -1) {
		u, err := t.base.Parse("/")
		if err != nil {
			return err
		}
		ref, err := url.Parse(match[2])
		if err != nil || ref.Scheme == "data" {
			continue
		}
		u = u.ResolveReference(ref)
		if u.Host != t.base.Host {
			return fmt.Errorf("/ links %s, which is elsewhere", match[2])
		}
		asset, err := t.Get(ctx, u.EscapedPath())
		if err != nil {
			return err
		}
		if asset.Status != http.StatusOK || len(asset.Body) == 0 {
			return fmt.Errorf("%s: status %d with %d bytes", match[2], asset.Status, len(asset.Body))
		}
		for suffix, want := range contentType {
			got := strings.Replace(mediaType(asset.Header), "application/javascript", "text/javascript", 1)
			if strings.HasSuffix(u.Path, suffix) && got != want {
				return fmt.Errorf("%s: content type %q, want %s", match[2], got, want)
			}
		}
	}
	return nil
}
