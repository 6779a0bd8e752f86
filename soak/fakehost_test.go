package soak

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// fakeHost is a host in this process that keeps the contract, but for the faults that a test asks for.
type fakeHost struct {
	t      *testing.T
	faults faults

	mu     sync.Mutex
	server *httptest.Server
	down   bool
	hubs   map[string]*fakeHub
	lives  int
}

// faults are what a host can do wrong.
type faults struct {
	loseOnKill  bool // the last event, although it was acknowledged
	newEpoch    bool // after a kill
	ignoreKeys  bool
	replayTwice bool // the event that a subscriber has seen
	skip        bool // the first event of each replay
	alter       bool // the data of a replay
	refuse      bool // each tenth publish
	gap         bool
}

type fakeHub struct {
	epoch  string
	events []string
	keys   map[string]int // to the sequence number
	more   chan struct{}  // closed at the next event
}

func newFakeHost(t *testing.T, f faults) *fakeHost {
	h := &fakeHost{t: t, faults: f, hubs: map[string]*fakeHub{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hubs/{hub}", h.info)
	mux.HandleFunc("GET /hubs/{hub}/events", h.subscribe)
	mux.HandleFunc("POST /hubs/{hub}/events", h.publish)
	h.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		down := h.down
		h.mu.Unlock()
		if down {
			panic(http.ErrAbortHandler)
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(h.server.Close)
	t.Cleanup(h.server.CloseClientConnections)
	return h
}

func (h *fakeHost) URL() string    { return h.server.URL }
func (h *fakeHost) Output() string { return fmt.Sprint("life ", h.lives) }

func (h *fakeHost) Kill() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = true
	h.lives++
	for _, hub := range h.hubs {
		if h.faults.loseOnKill && len(hub.events) > 0 {
			hub.events = hub.events[:len(hub.events)-1]
		}
		if h.faults.newEpoch {
			hub.epoch = fmt.Sprint("epoch", h.lives)
		}
	}
	h.server.CloseClientConnections()
}

func (h *fakeHost) Restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = false
}

// hub must be called with mu held.
func (h *fakeHost) hub(r *http.Request) *fakeHub {
	name := r.PathValue("hub")
	if h.hubs[name] == nil {
		h.hubs[name] = &fakeHub{epoch: "epoch", keys: map[string]int{}, more: make(chan struct{})}
	}
	return h.hubs[name]
}

func (h *fakeHost) info(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hub := h.hub(r)
	last := ""
	if n := len(hub.events); n > 0 {
		last = fmt.Sprintf("%s-%d", hub.epoch, n)
	}
	fmt.Fprintf(w, `{"lastEventId":%q}`, last)
}

func (h *fakeHost) publish(w http.ResponseWriter, r *http.Request) {
	data := dataOf(h.t, r)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		panic(http.ErrAbortHandler)
	}
	hub := h.hub(r)
	if h.faults.refuse && len(hub.events)%10 == 9 {
		http.Error(w, "no", http.StatusInternalServerError)
		return
	}
	key := r.Header.Get("Idempotency-Key")
	seq, known := hub.keys[key]
	if key == "" || !known || h.faults.ignoreKeys {
		hub.events = append(hub.events, data)
		seq = len(hub.events)
		close(hub.more)
		hub.more = make(chan struct{})
		if key != "" {
			hub.keys[key] = seq
		}
	}
	fmt.Fprintf(w, `{"id":"%s-%d"}`, hub.epoch, seq)
}

func (h *fakeHost) subscribe(w http.ResponseWriter, r *http.Request) {
	at := 0
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		at, _ = strconv.Atoi(last[strings.LastIndexByte(last, '-')+1:])
		switch {
		case h.faults.replayTwice && at > 0:
			at--
		case h.faults.skip:
			at++
		}
	}
	fmt.Fprint(w, "retry: 1\n\nevent: connected\ndata: {}\n\n")
	if h.faults.gap && r.Header.Get("Last-Event-ID") != "" {
		fmt.Fprint(w, "event: gap\ndata: {}\n\n")
	}
	for replay := true; ; replay = false {
		h.mu.Lock()
		hub := h.hub(r)
		events, epoch, more := slices.Clone(hub.events[min(at, len(hub.events)):]), hub.epoch, hub.more
		h.mu.Unlock()
		for _, data := range events {
			if h.faults.alter && replay {
				data = strings.Replace(data, "x", "y", 1)
			}
			at++
			fmt.Fprintf(w, "id: %s-%d\ndata: %s\n\n", epoch, at, strings.ReplaceAll(data, "\n", "\ndata: "))
		}
		w.(http.Flusher).Flush()
		select {
		case <-more:
		case <-r.Context().Done():
			return
		}
	}
}
