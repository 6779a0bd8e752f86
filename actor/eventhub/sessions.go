package eventhub

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/hubbub-edge/hubbub/actor"
)

const (
	// defaultPage and maxPage are how many sessions one answer lists.
	defaultPage = 100
	maxPage     = 1000
	// maxReason is the longest reason of a goodbye, in bytes.
	maxReason = 256
)

// sessionInfo is a session as it is listed.
type sessionInfo struct {
	ID      string `json:"id"`
	Kind    string `json:"kind"`
	Joined  string `json:"joined"` // RFC 3339
	Resumed string `json:"resumed,omitempty"`
	Live    bool   `json:"live"`
	// Meta is the session's metadata: as it is when it is JSON, or else as a text.
	Meta json.RawMessage `json:"meta,omitempty"`
}

// listSessions answers with a page of sessions in the order of their ids, and with the id to go on behind, in "next", if
// there are more.
func listSessions(t *actor.Turn, r *actor.Request) *actor.Response {
	query := r.Query()
	limit := defaultPage
	if s := query.Get("limit"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > maxPage {
			return actor.Problem(http.StatusBadRequest, "limit must be a number from 1 to "+strconv.Itoa(maxPage))
		}
		limit = n
	}
	page := struct {
		Sessions []sessionInfo `json:"sessions"`
		Next     string        `json:"next,omitempty"`
	}{Sessions: []sessionInfo{}}
	for s := range t.Sessions() {
		if s.ID() <= query.Get("after") {
			continue
		}
		if len(page.Sessions) == limit {
			page.Next = page.Sessions[limit-1].ID
			break
		}
		page.Sessions = append(page.Sessions, describe(s))
	}
	res := actor.JSON(http.StatusOK, page)
	res.Header.Set("Cache-Control", "no-store")
	return res
}

func describe(s *actor.Session) sessionInfo {
	info := sessionInfo{
		ID:      s.ID(),
		Kind:    s.Kind().String(),
		Joined:  s.Joined().UTC().Format(time.RFC3339Nano),
		Resumed: s.Resumed(),
		Live:    s.Live(),
		Meta:    slices.Clone(s.Meta()),
	}
	if len(info.Meta) > 0 && !json.Valid(info.Meta) {
		info.Meta = json.RawMessage(compact(string(info.Meta)))
	}
	return info
}

// endSession says goodbye to a session: ?reason= is what its client is told, and ?reconnect=false that it should stay
// away.
func endSession(t *actor.Turn, r *actor.Request, id string) (*actor.Response, error) {
	s := t.Session(id)
	if s == nil {
		return actor.Problem(http.StatusNotFound, "the hub has no session "+strconv.Quote(id)), nil
	}
	query := r.Query()
	reason := query.Get("reason")
	switch {
	case reason == "":
		reason = "ended"
	case len(reason) > maxReason || !utf8.ValidString(reason):
		return actor.Problem(http.StatusBadRequest, "reason must be at most "+strconv.Itoa(maxReason)+" bytes of UTF-8"), nil
	}
	reconnect := true
	if v := query.Get("reconnect"); v != "" {
		var err error
		if reconnect, err = strconv.ParseBool(v); err != nil {
			return actor.Problem(http.StatusBadRequest, "reconnect must be true or false"), nil
		}
	}
	return &actor.Response{Status: http.StatusNoContent}, t.Goodbye(s, reason, reconnect)
}
