package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// maxBody bounds what is read of an answer that is not a stream.
const maxBody = 4 << 20

// Answer is a complete HTTP answer.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Request is one HTTP request of a case.
type Request struct {
	Method string
	// Path is sent as it is written here, so that a case can send what no
	// well-behaved client would. It may carry a query.
	Path   string
	Header http.Header
	Body   []byte
	// Chunked sends the body without a Content-Length.
	Chunked bool
}

// newTransport returns a transport for one target. Streams never share a
// connection with anything, requests reuse theirs.
func newTransport() *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
		// HTTP/2 would multiplex all streams over one connection: what leaves
		// and what stalls could then not be told apart.
		TLSNextProto: nil,
		Protocols:    http1(),
	}
}

func http1() *http.Protocols {
	p := new(http.Protocols)
	p.SetHTTP1(true)
	return p
}

func (t *Target) newRequest(ctx context.Context, r Request) (*http.Request, error) {
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
		if r.Chunked {
			body = struct{ io.Reader }{body} // Hides the length.
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, t.base.String(), body)
	if err != nil {
		return nil, err
	}
	path, query, hasQuery := strings.Cut(r.Path, "?")
	req.URL = &url.URL{Scheme: t.base.Scheme, Host: t.base.Host, Opaque: path, RawQuery: query, ForceQuery: hasQuery && query == ""}
	for name, values := range r.Header {
		req.Header[name] = values
	}
	return req, nil
}

// Do sends r and reads the whole answer. Redirects are not followed.
func (t *Target) Do(ctx context.Context, r Request) (Answer, error) {
	req, err := t.newRequest(ctx, r)
	if err != nil {
		return Answer{}, err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return Answer{}, fmt.Errorf("%s %.100s: %w", r.Method, r.Path, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return Answer{}, fmt.Errorf("%s %.100s: reading the answer: %w", r.Method, r.Path, err)
	}
	return Answer{Status: resp.StatusCode, Header: resp.Header, Body: body}, nil
}

// Get is Do for a plain GET.
func (t *Target) Get(ctx context.Context, path string) (Answer, error) {
	return t.Do(ctx, Request{Method: http.MethodGet, Path: path})
}

// hubPath is the path of a hub, whatever its name.
func hubPath(hub string) string { return "/hubs/" + url.PathEscape(hub) }

// eventsPath is the path of a hub's events.
func eventsPath(hub string) string { return hubPath(hub) + "/events" }

// ID is the parsed id of a published event, "<epoch>-<seq>".
type ID struct {
	Epoch string
	Seq   uint64
}

// ParseID parses the id of a published event.
func ParseID(s string) (ID, error) {
	i := strings.LastIndexByte(s, '-')
	if i <= 0 {
		return ID{}, fmt.Errorf("id %q is not <epoch>-<seq>", s)
	}
	seq, err := strconv.ParseUint(s[i+1:], 10, 64)
	if err != nil || strconv.FormatUint(seq, 10) != s[i+1:] {
		return ID{}, fmt.Errorf("id %q: its sequence number is not a plain decimal number", s)
	}
	return ID{Epoch: s[:i], Seq: seq}, nil
}

// follows reports as an error when the id next is not the one right after prev.
func follows(prev, next string) error {
	a, err := ParseID(prev)
	if err != nil {
		return err
	}
	b, err := ParseID(next)
	if err != nil {
		return err
	}
	if a.Epoch != b.Epoch || b.Seq != a.Seq+1 {
		return fmt.Errorf("id %s does not follow %s without a hole", next, prev)
	}
	return nil
}

// Post posts a body to the hub's events and returns the answer as it is.
func (t *Target) Post(ctx context.Context, hub, contentType, body string) (Answer, error) {
	return t.Do(ctx, post(eventsPath(hub), contentType, body))
}

func post(path, contentType, body string) Request {
	header := http.Header{}
	if contentType != "" {
		header.Set("Content-Type", contentType)
	}
	return Request{Method: http.MethodPost, Path: path, Header: header, Body: []byte(body)}
}

// PublishJSON publishes data, any JSON value, under an event name ("" for none).
func (t *Target) PublishJSON(ctx context.Context, hub, event string, data any) (id string, err error) {
	message := struct {
		Event string `json:"event,omitempty"`
		Data  any    `json:"data"`
	}{event, data}
	body, err := json.Marshal(message)
	if err != nil {
		return "", err
	}
	return published(t.Post(ctx, hub, "application/json", string(body)))
}

// PublishText publishes data as text/plain.
func (t *Target) PublishText(ctx context.Context, hub, event, data string) (id string, err error) {
	path := eventsPath(hub)
	if event != "" {
		path += "?event=" + url.QueryEscape(event)
	}
	return published(t.Do(ctx, post(path, "text/plain", data)))
}

// Publication is an event with everything that a publisher can say of it.
type Publication struct {
	Event, Data string
	Key         string // for coalescing
	Ephemeral   bool
	Once        string // Idempotency-Key; "" sends none
}

func (p Publication) request(hub string) (Request, error) {
	body, err := json.Marshal(struct {
		Event     string `json:"event,omitempty"`
		Data      string `json:"data"`
		Key       string `json:"key,omitempty"`
		Ephemeral bool   `json:"ephemeral,omitempty"`
	}{p.Event, p.Data, p.Key, p.Ephemeral})
	r := post(eventsPath(hub), "application/json", string(body))
	if p.Once != "" {
		r.Header.Set("Idempotency-Key", p.Once)
	}
	return r, err
}

// Publish publishes p and returns its id, which is "" if, and only if, p is ephemeral.
func (t *Target) Publish(ctx context.Context, hub string, p Publication) (id string, err error) {
	r, err := p.request(hub)
	if err != nil {
		return "", err
	}
	if !p.Ephemeral {
		return published(t.Do(ctx, r))
	}
	if id, err = answeredID(t.Do(ctx, r)); err == nil && id != "" {
		err = fmt.Errorf("an ephemeral event was given the id %s", id)
	}
	return id, err
}

// errRefused is in the chain of every publish that was answered, but not with 200.
var errRefused = errors.New("publish refused")

// published checks the answer to a publish and returns the event's id.
func published(a Answer, err error) (string, error) {
	id, err := answeredID(a, err)
	if err != nil {
		return "", err
	}
	_, err = ParseID(id)
	return id, err
}

// answeredID is published for an event that may have an empty id.
func answeredID(a Answer, err error) (string, error) {
	if err != nil {
		return "", err
	}
	if a.Status != http.StatusOK {
		return "", fmt.Errorf("%w: status %d: %.300s", errRefused, a.Status, a.Body)
	}
	if ct := mediaType(a.Header); ct != "application/json" {
		return "", fmt.Errorf("publish was answered as %q, want application/json", ct)
	}
	var answer map[string]string
	if err := json.Unmarshal(a.Body, &answer); err != nil {
		return "", fmt.Errorf("publish was answered with %.300q: %w", a.Body, err)
	}
	id, ok := answer["id"]
	if len(answer) != 1 || !ok {
		return "", fmt.Errorf(`publish was answered with %.300q, want {"id":"…"}`, a.Body)
	}
	return id, nil
}

// Info is what a hub says of itself.
type Info struct {
	Hub         string `json:"hub"`
	Sessions    int    `json:"sessions"`
	LastEventID string `json:"lastEventId"`
}

// Info asks the hub for its information.
func (t *Target) Info(ctx context.Context, hub string) (Info, error) {
	a, err := t.Get(ctx, hubPath(hub))
	if err != nil {
		return Info{}, err
	}
	if a.Status != http.StatusOK || mediaType(a.Header) != "application/json" {
		return Info{}, fmt.Errorf("info: status %d, content type %q: %.300s", a.Status, a.Header.Get("Content-Type"), a.Body)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(a.Body, &fields); err != nil {
		return Info{}, fmt.Errorf("info %.300q: %w", a.Body, err)
	}
	for _, name := range []string{"hub", "sessions", "lastEventId"} {
		if _, ok := fields[name]; !ok {
			return Info{}, fmt.Errorf("info %.300s has no %q", a.Body, name)
		}
	}
	var info Info
	if err := json.Unmarshal(a.Body, &info); err != nil {
		return Info{}, fmt.Errorf("info %.300q: %w", a.Body, err)
	}
	return info, nil
}
