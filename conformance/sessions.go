package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// Session is a session as its hub lists it.
type Session struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Joined  time.Time       `json:"joined"`
	Resumed string          `json:"resumed"`
	Live    bool            `json:"live"`
	Meta    json.RawMessage `json:"meta"`
}

// SessionPage is one answer of the list of sessions; Next is "" on the last.
type SessionPage struct {
	Sessions []Session `json:"sessions"`
	Next     string    `json:"next"`
}

func sessionsPath(hub string) string { return hubPath(hub) + "/sessions" }

// Sessions asks the hub for a page of its sessions. The query is without its "?".
func (t *Target) Sessions(ctx context.Context, hub, query string) (SessionPage, error) {
	var page SessionPage
	a, err := t.Get(ctx, sessionsPath(hub)+"?"+query)
	if err != nil {
		return page, err
	}
	if a.Status != http.StatusOK || mediaType(a.Header) != "application/json" {
		return page, fmt.Errorf("sessions: status %d, content type %q: %.300s", a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	if !tokens(a.Header, "Cache-Control")["no-store"] {
		return page, fmt.Errorf("sessions: Cache-Control is %q, want no-store", a.Header.Get("Cache-Control"))
	}
	decoder := json.NewDecoder(bytes.NewReader(a.Body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&page); err != nil {
		return page, fmt.Errorf("sessions %.300q: %w", a.Body, err)
	}
	if page.Sessions == nil {
		return page, fmt.Errorf(`sessions %.300q: want an array "sessions"`, a.Body)
	}
	return page, nil
}

// EndSession ends a session. The query is without its "?".
func (t *Target) EndSession(ctx context.Context, hub, id, query string) error {
	a, err := t.Do(ctx, Request{Method: http.MethodDelete, Path: sessionsPath(hub) + "/" + url.PathEscape(id) + "?" + query})
	if err != nil {
		return err
	}
	if a.Status != http.StatusNoContent || len(a.Body) > 0 {
		return fmt.Errorf("ending a session: status %d: %.300s", a.Status, a.Body)
	}
	return nil
}

func sessionCases() []Case {
	return []Case{
		{
			Name:        "sessions/list",
			Explanation: "A hub lists its sessions by id, each with its kind, when it joined, from where it resumed, and that it is live.",
			Run:         listCase,
		},
		{
			Name:        "sessions/none",
			Explanation: "A hub without sessions lists none, and HEAD of the list works.",
			Run: func(ctx context.Context, t *Target) error {
				hub := t.Hub("none")
				page, err := t.Sessions(ctx, hub, "")
				if err != nil {
					return err
				}
				if len(page.Sessions) != 0 || page.Next != "" {
					return fmt.Errorf("sessions are %+v, want none", page)
				}
				a, err := t.Do(ctx, Request{Method: http.MethodHead, Path: sessionsPath(hub)})
				if err == nil && a.Status != http.StatusOK {
					err = fmt.Errorf("status %d of HEAD, want 200", a.Status)
				}
				return err
			},
		},
		{
			Name:        "sessions/paging",
			Explanation: "The pages of any size together have each session once, in order, and 100 without a limit.",
			Run:         pagingCase,
		},
		{
			Name:        "sessions/live",
			Explanation: "A session whose replay waits for its client is listed as not live, and as live when it has been sent all.",
			Group:       Limited,
			Needs:       func(l Limits) bool { return l.largeLog() },
			Run:         notLiveCase,
		},
		{
			Name:        "sessions/end",
			Explanation: "A session that is ended gets what was published before, a goodbye, and the end of its stream; its client resumes from there.",
			Run:         endCase,
		},
		{
			Name:        "sessions/goodbye",
			Explanation: "The goodbye has the reason as it was given and says whether to reconnect.",
			Run:         goodbyeCase,
		},
	}
}

func listCase(ctx context.Context, t *Target) error {
	hub := t.Hub("list")
	id, err := t.PublishText(ctx, hub, "", "x")
	if err != nil {
		return err
	}
	resumed := map[string]string{} // By session.
	before := time.Now()
	for _, from := range []string{"", id, "earliest", "latest", "nonsense", "0-1"} {
		s, err := t.SubscribeFrom(ctx, hub, Resume{Header: from})
		if err != nil {
			return err
		}
		resumed[s.Connected.Session] = from
	}
	page, err := t.Sessions(ctx, hub, "")
	if err != nil {
		return err
	}
	after := time.Now()
	if len(page.Sessions) != len(resumed) || page.Next != "" {
		return fmt.Errorf("sessions are %+v, want %d and no next", page, len(resumed))
	}
	if !slices.IsSortedFunc(page.Sessions, func(a, b Session) int { return strings.Compare(a.ID, b.ID) }) {
		return fmt.Errorf("sessions %+v are not ordered by id", page.Sessions)
	}
	for _, s := range page.Sessions {
		from, ok := resumed[s.ID]
		if !ok || s.Kind != "sse" || s.Resumed != from || !s.Live || s.Meta != nil {
			return fmt.Errorf("session %+v, want one of %v, kind sse, live, without metadata", s, resumed)
		}
		// A server's clock may differ, and has milliseconds.
		if s.Joined.Before(before.Add(-slack)) || s.Joined.After(after.Add(slack)) {
			return fmt.Errorf("session %s joined at %v, want between %v and %v", s.ID, s.Joined, before, after)
		}
		if _, offset := s.Joined.Zone(); offset != 0 {
			return fmt.Errorf("session %s joined at %v, want UTC", s.ID, s.Joined)
		}
	}
	return nil
}

func pagingCase(ctx context.Context, t *Target) error {
	const n = 105
	hub := t.Hub("paging")
	all, err := subscribeMany(ctx, t, n, func(int) string { return hub })
	if err != nil {
		return err
	}
	var want []string
	for _, s := range all {
		want = append(want, s.Connected.Session)
	}
	slices.Sort(want)
	for query, pages := range map[string][]int{
		"": {100, 5}, "limit=50": {50, 50, 5}, "limit=35": {35, 35, 35}, "limit=104": {104, 1}, "limit=105": {105}, "limit=1000": {105},
	} {
		if err := t.expectPages(ctx, hub, query, pages, want); err != nil {
			return fmt.Errorf("%q: %w", query, err)
		}
	}
	page, err := t.Sessions(ctx, hub, "limit=1&after=~") // Behind every id.
	if err == nil && (len(page.Sessions) != 0 || page.Next != "") {
		err = fmt.Errorf("behind the last session there is %+v", page)
	}
	return err
}

func (t *Target) expectPages(ctx context.Context, hub, query string, sizes []int, want []string) error {
	var got []string
	after := ""
	for i, size := range sizes {
		page, err := t.Sessions(ctx, hub, query+after)
		if err != nil {
			return err
		}
		if len(page.Sessions) != size || (page.Next != "") != (i < len(sizes)-1) {
			return fmt.Errorf("page %d has %d sessions and next %q, want pages of %v", i, len(page.Sessions), page.Next, sizes)
		}
		for _, s := range page.Sessions {
			got = append(got, s.ID)
		}
		after = "&after=" + url.QueryEscape(page.Next)
	}
	if !slices.Equal(got, want) {
		return fmt.Errorf("the pages have the sessions %v, want %v", got, want)
	}
	return nil
}

func notLiveCase(ctx context.Context, t *Target) error {
	hub := t.Hub("live")
	missed, behind, err := t.stalledReplay(ctx, hub) // Which has looked at the list.
	if err != nil {
		return err
	}
	defer behind.Close()
	reader, err := behind.follow(ctx, asItComes)
	if err != nil {
		return err
	}
	if err := reader.expectAll(ctx, missed); err != nil {
		return err
	}
	page, err := t.Sessions(ctx, hub, "")
	if err != nil {
		return err
	}
	for _, s := range page.Sessions {
		if s.ID == reader.Connected.Session && s.Live {
			return nil
		}
	}
	return fmt.Errorf("behind the replay, sessions are %+v, want %s to be live", page.Sessions, reader.Connected.Session)
}

func endCase(ctx context.Context, t *Target) error {
	hub := t.Hub("end")
	all, err := subscribeMany(ctx, t, 2, func(int) string { return hub })
	if err != nil {
		return err
	}
	ended, other := all[0], all[1]
	before, err := t.PublishText(ctx, hub, "", "before")
	if err != nil {
		return err
	}
	if err := t.EndSession(ctx, hub, ended.Connected.Session, ""); err != nil {
		return err
	}
	after, err := t.PublishText(ctx, hub, "", "after")
	if err != nil {
		return err
	}
	if err := ended.Expect(ctx, before, "message", "before"); err != nil {
		return err
	}
	if err := ended.ExpectControl(ctx, "goodbye", map[string]any{"reason": "ended", "reconnect": true}); err != nil {
		return err
	}
	if err := ended.ExpectEnd(ctx); err != nil {
		return err
	}
	for _, e := range [][2]string{{before, "before"}, {after, "after"}} {
		if err := other.Expect(ctx, e[0], "message", e[1]); err != nil {
			return err
		}
	}
	if err := other.AwaitSize(ctx, 1); err != nil {
		return err
	}
	a, err := t.Do(ctx, Request{Method: http.MethodDelete, Path: sessionsPath(hub) + "/" + ended.Connected.Session})
	if err != nil {
		return err
	}
	if err := problem(a, http.StatusNotFound, ended.Connected.Session); err != nil {
		return fmt.Errorf("ending it again: %w", err)
	}
	page, err := t.Sessions(ctx, hub, "")
	if err != nil {
		return err
	}
	if len(page.Sessions) != 1 || page.Sessions[0].ID != other.Connected.Session {
		return fmt.Errorf("sessions are %+v, want %s only", page.Sessions, other.Connected.Session)
	}
	resumed, err := t.SubscribeFrom(ctx, hub, Resume{Header: before})
	if err != nil {
		return err
	}
	if err := resumed.Expect(ctx, after, "message", "after"); err != nil {
		return err
	}
	return publishInOrder(ctx, t, hub, resumed, 1)
}

func goodbyeCase(ctx context.Context, t *Target) error {
	hub := t.Hub("goodbye")
	for _, g := range []struct {
		query, reason string
		reconnect     bool
	}{
		{"reason=moderated&reconnect=false", "moderated", false},
		{"reconnect=false", "ended", false},
		{"reconnect=true&reason=" + url.QueryEscape("x\n\nevent: forged\r\"\u2028 🐝"), "x\n\nevent: forged\r\"\u2028 🐝", true},
		{"reason=" + strings.Repeat("r", 256), strings.Repeat("r", 256), true},
	} {
		s, err := t.Subscribe(ctx, hub)
		if err != nil {
			return err
		}
		if err := t.EndSession(ctx, hub, s.Connected.Session, g.query); err != nil {
			return err
		}
		if err := s.ExpectControl(ctx, "goodbye", map[string]any{"reason": g.reason, "reconnect": g.reconnect}); err != nil {
			return err
		}
		if err := s.ExpectEnd(ctx); err != nil {
			return err
		}
	}
	return nil
}

// badSessions are requests of sessions that cannot be served.
func badSessions() []errorRequest {
	const path = "/hubs/{hub}/sessions"
	var rows []errorRequest
	for _, limit := range []string{"0", "-1", "1001", "x", "1.5", "99999999999999999999"} {
		rows = append(rows, errorRequest{
			name:    "sessions/limit-" + limit,
			request: Request{Method: http.MethodGet, Path: path + "?limit=" + limit},
			status:  http.StatusBadRequest, detail: []string{"limit"},
		})
	}
	for _, id := range []string{"nobody", strings.Repeat("0", 32), "%2e%2e", "%00", strings.Repeat("x", 1000)} {
		rows = append(rows, errorRequest{
			name:    fmt.Sprintf("sessions/unknown-%.8s", id),
			request: Request{Method: http.MethodDelete, Path: path + "/" + id},
			status:  http.StatusNotFound,
		})
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodDelete} {
		rows = append(rows, errorRequest{
			name:    "method/" + method + "-sessions",
			request: Request{Method: method, Path: path, Header: textPlain, Body: []byte("x")},
			status:  http.StatusMethodNotAllowed, allow: []string{"GET", "HEAD", "OPTIONS"}, notAllow: method,
		})
	}
	for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
		rows = append(rows, errorRequest{
			name:    "method/" + method + "-session",
			request: Request{Method: method, Path: path + "/id"},
			status:  http.StatusMethodNotAllowed, allow: []string{"DELETE", "OPTIONS"}, notAllow: method,
		})
	}
	return append(rows,
		errorRequest{name: "sessions/no-id", request: Request{Method: http.MethodDelete, Path: path + "/"}, status: http.StatusNotFound},
		errorRequest{name: "sessions/below", request: Request{Method: http.MethodDelete, Path: path + "/a/b"}, status: http.StatusNotFound},
	)
}
