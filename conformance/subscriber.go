package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"sync"
	"time"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

// Connected is the data of a stream's first event.
type Connected struct {
	Session string `json:"session"`
	Hub     string `json:"hub"`
}

// Subscriber is one session of a hub, read as fast as it comes.
type Subscriber struct {
	Header    http.Header
	Connected Connected
	// Retry is the reconnection time that the stream began with, 0 when it named none
	// before its first event.
	Retry time.Duration

	cancel context.CancelFunc
	body   io.Closer
	done   chan struct{}

	mu sync.Mutex
	// wake is closed and replaced whenever anything below changes.
	wake     chan struct{}
	events   []sse.Event
	next     int
	comments int
	retry    time.Duration // the latest; 0: none yet
	sizes    int
	size     int
	err      error
}

var sessionID = regexp.MustCompile(`^[A-Za-z0-9_-]{22,}$`)

// Subscribe opens a session and returns once its first event has come.
// The session ends with Close, with the case, or by the server.
func (t *Target) Subscribe(ctx context.Context, hub string) (*Subscriber, error) {
	return t.SubscribePath(ctx, eventsPath(hub), hub)
}

// SubscribePath is Subscribe to a path that the caller has encoded itself.
func (t *Target) SubscribePath(ctx context.Context, path, hub string) (*Subscriber, error) {
	return t.subscribe(ctx, Request{Method: http.MethodGet, Path: path, Header: http.Header{"Accept": {"text/event-stream"}}}, hub)
}

// Resume says from where a session resumes. What is empty is not sent.
type Resume struct {
	Header string // Last-Event-ID
	Query  string // last_event_id
}

// request is the request that opens a session of the hub.
func (r Resume) request(hub string) Request {
	req := Request{Method: http.MethodGet, Path: eventsPath(hub), Header: http.Header{"Accept": {"text/event-stream"}}}
	if r.Query != "" {
		req.Path += "?last_event_id=" + url.QueryEscape(r.Query)
	}
	if r.Header != "" {
		req.Header["Last-Event-ID"] = []string{r.Header} // In the letters that browsers use.
	}
	return req
}

// SubscribeFrom is Subscribe that resumes.
func (t *Target) SubscribeFrom(ctx context.Context, hub string, from Resume) (*Subscriber, error) {
	return t.subscribe(ctx, from.request(hub), hub)
}

func (t *Target) subscribe(ctx context.Context, r Request, hub string) (*Subscriber, error) {
	ctx, cancel := context.WithCancel(ctx)
	s := newSubscriber(cancel)
	if err := s.open(ctx, t, r, hub); err != nil {
		cancel()
		return nil, fmt.Errorf("subscribe to %.100s: %w", r.Path, err)
	}
	return s, nil
}

func newSubscriber(cancel context.CancelFunc) *Subscriber {
	return &Subscriber{cancel: cancel, done: make(chan struct{}), wake: make(chan struct{})}
}

func (s *Subscriber) open(ctx context.Context, t *Target, r Request, hub string) error {
	req, err := t.newRequest(ctx, r)
	if err != nil {
		return err
	}
	resp, err := t.client.Do(req)
	if err != nil {
		return err
	}
	return s.follow(resp, hub)
}

// follow takes the answer's stream: up to its first event at once, and then as it comes.
func (s *Subscriber) follow(resp *http.Response, hub string) error {
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 300))
		resp.Body.Close()
		return fmt.Errorf("status %d: %s", resp.StatusCode, body)
	}
	s.Header, s.body = resp.Header, resp.Body
	decoder := sse.NewDecoder(resp.Body)
	if err := s.connect(decoder, hub); err != nil {
		resp.Body.Close()
		return err
	}
	go s.read(decoder)
	return nil
}

// connect reads up to the first event, which must be "connected".
func (s *Subscriber) connect(decoder *sse.Decoder, hub string) error {
	for {
		item, err := decoder.Next()
		if err != nil {
			return fmt.Errorf("before the first event: %w", err)
		}
		s.note(item)
		if item.Kind != sse.KindEvent {
			continue
		}
		e := item.Event
		s.Retry = s.retry
		if e.Name != "connected" || e.HasID || e.LastEventID != "" {
			return fmt.Errorf("the first event is %+.300v, want connected without an id", e)
		}
		if err := json.Unmarshal([]byte(e.Data), &s.Connected); err != nil {
			return fmt.Errorf("connected: %.300q: %w", e.Data, err)
		}
		if s.Connected.Hub != hub {
			return fmt.Errorf("connected to the hub %q, want %q", s.Connected.Hub, hub)
		}
		if !sessionID.MatchString(s.Connected.Session) {
			return fmt.Errorf("session id %q is not 128 bits in base64url or hexadecimal", s.Connected.Session)
		}
		return nil
	}
}

func (s *Subscriber) read(decoder *sse.Decoder) {
	defer close(s.done)
	for {
		item, err := decoder.Next()
		if err == nil {
			err = s.note(item)
		}
		if err != nil {
			s.mu.Lock()
			s.err = err
			s.signal()
			s.mu.Unlock()
			return
		}
	}
}

// signal wakes whoever waits. The caller holds the lock.
func (s *Subscriber) signal() {
	close(s.wake)
	s.wake = make(chan struct{})
}

func (s *Subscriber) note(item sse.Item) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer s.signal()
	switch item.Kind {
	case sse.KindComment:
		s.comments++
	case sse.KindRetry:
		s.retry = item.Retry
	case sse.KindEvent:
		switch item.Event.Name {
		case "connected":
		case "connections":
			if item.Event.HasID {
				return fmt.Errorf("connections carries an id: %+v", item.Event)
			}
			var data struct {
				Size *int `json:"size"`
			}
			if err := json.Unmarshal([]byte(item.Event.Data), &data); err != nil || data.Size == nil {
				return fmt.Errorf(`connections with data %.300q, want {"size":n}`, item.Event.Data)
			}
			s.sizes, s.size = s.sizes+1, *data.Size
		default:
			s.events = append(s.events, item.Event)
		}
	}
	return nil
}

// Close ends the session from the client's side and waits until its reader is gone.
func (s *Subscriber) Close() {
	s.cancel()
	_ = s.body.Close()
	<-s.done
}

// until waits until cond holds. cond is called with the lock held.
func (s *Subscriber) until(ctx context.Context, what string, cond func() bool) error {
	for {
		s.mu.Lock()
		ok, err, wake := cond(), s.err, s.wake
		s.mu.Unlock()
		if ok {
			return nil
		}
		if err != nil {
			return fmt.Errorf("waiting for %s: the stream ended: %w", what, err)
		}
		select {
		case <-wake:
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w", what, context.Cause(ctx))
		}
	}
}

// Next returns the next published event: everything but connected and connections.
func (s *Subscriber) Next(ctx context.Context) (sse.Event, error) {
	var e sse.Event
	err := s.until(ctx, "the next published event", func() bool {
		if s.next == len(s.events) {
			return false
		}
		e = s.events[s.next]
		s.events[s.next] = sse.Event{} // Large data need not be kept until the case ends.
		s.next++
		return true
	})
	return e, err
}

// Expect returns an error unless the next published event is the one wanted.
func (s *Subscriber) Expect(ctx context.Context, id, name, data string) error {
	e, err := s.Next(ctx)
	if err != nil {
		return err
	}
	want := sse.Event{Name: name, Data: data, LastEventID: id, HasID: true}
	if e != want {
		return fmt.Errorf("received %s, want %s", brief(e), brief(want))
	}
	return nil
}

// ExpectControl returns an error unless the next event is one of the hub's own that has this
// data in JSON and, so that it moves nobody's last event id, no id.
func (s *Subscriber) ExpectControl(ctx context.Context, name string, data map[string]any) error {
	e, err := s.Next(ctx)
	if err != nil {
		return err
	}
	return control(e, name, data)
}

func control(e sse.Event, name string, data map[string]any) error {
	var got map[string]any
	if err := json.Unmarshal([]byte(e.Data), &got); err != nil || e.Name != name || e.HasID || !maps.Equal(got, data) {
		return fmt.Errorf("received %s, want %q without an id, its data %v", brief(e), name, data)
	}
	return nil
}

// ExpectEnd returns an error unless the stream ends, as a complete answer does, with no
// further event.
func (s *Subscriber) ExpectEnd(ctx context.Context) error {
	select {
	case <-s.done:
	case <-ctx.Done():
		return fmt.Errorf("waiting for the end of the stream: %w", context.Cause(ctx))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next < len(s.events) {
		return fmt.Errorf("received unexpected %s", brief(s.events[s.next]))
	}
	if !errors.Is(s.err, io.EOF) {
		return fmt.Errorf("the stream broke off instead of ending: %w", s.err)
	}
	return nil
}

func brief(e sse.Event) string {
	return fmt.Sprintf("{name %q, id %q, own id %t, %d bytes of data %.80q}", e.Name, e.LastEventID, e.HasID, len(e.Data), e.Data)
}

// AwaitSize waits until the latest connections event says size.
func (s *Subscriber) AwaitSize(ctx context.Context, size int) error {
	last := 0
	err := s.until(ctx, fmt.Sprintf("connections of size %d", size), func() bool {
		last = s.size
		return s.sizes > 0 && s.size == size
	})
	if err != nil {
		return fmt.Errorf("%w (the latest said %d)", err, last)
	}
	return nil
}

// Size is the size in the latest connections event, 0 when there was none.
func (s *Subscriber) Size() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.size
}

// Sizes is the number of connections events received so far.
func (s *Subscriber) Sizes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sizes
}

// AwaitComment waits for one more comment line than there were.
func (s *Subscriber) AwaitComment(ctx context.Context) error {
	s.mu.Lock()
	seen := s.comments
	s.mu.Unlock()
	return s.until(ctx, "a comment", func() bool { return s.comments > seen })
}

// Unread reports as an error when a published event waits that nobody asked for,
// or when the stream has ended.
func (s *Subscriber) Unread() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next < len(s.events) {
		return fmt.Errorf("received unexpected %s", brief(s.events[s.next]))
	}
	if s.err != nil && !errors.Is(s.err, context.Canceled) {
		return fmt.Errorf("the stream ended: %w", s.err)
	}
	return nil
}

// mediaType is the answer's content type without parameters, in lower case.
func mediaType(h http.Header) string {
	mt, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return h.Get("Content-Type")
	}
	return mt
}
