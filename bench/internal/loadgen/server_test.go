package loadgen

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// testServer is a hub of events that can be told to go wrong.
type testServer struct {
	*httptest.Server
	// deliver, if set, says what of an event the i-th subscriber gets.
	deliver func(i int, event string) []string
	// status, if set, answers every request.
	status int

	events atomic.Int64

	mu   sync.Mutex
	subs []chan string
}

func newTestServer(t *testing.T) *testServer {
	s := &testServer{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /events", s.subscribe)
	mux.HandleFunc("POST /events", s.publish)
	mux.HandleFunc("GET /ok", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	mux.HandleFunc("GET /large", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, strings.Repeat("x", 10_000))
		w.(http.Flusher).Flush()
		io.WriteString(w, strings.Repeat("y", 10_000))
	})
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.status != 0 {
			w.WriteHeader(s.status)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *testServer) addr() string { return s.Listener.Addr().String() }

func (s *testServer) subscribe(w http.ResponseWriter, r *http.Request) {
	events := make(chan string, 10_000)
	s.mu.Lock()
	s.subs = append(s.subs, events)
	s.mu.Unlock()
	w.Header().Set("Content-Type", "text/event-stream")
	io.WriteString(w, "retry: 2000\n\nevent: connected\ndata: {}\n\n")
	for {
		w.(http.Flusher).Flush()
		select {
		case event, ok := <-events:
			if !ok {
				return
			}
			fmt.Fprintf(w, "data: %s\n\n", event)
		case <-r.Context().Done():
			return
		}
	}
}

func (s *testServer) publish(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, events := range s.subs {
		list := []string{string(b)}
		if s.deliver != nil {
			list = s.deliver(i, string(b))
		}
		for _, event := range list {
			events <- event
		}
	}
	w.Header().Set("Content-Type", "application/json")
	fmt.Fprintf(w, `{"id":"e-%d"}`, s.events.Add(1))
}
