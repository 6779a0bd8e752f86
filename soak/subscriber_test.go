package soak

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func contextEndingAfter(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}

// streams serves one text to each connection in turn, and stays open behind the last. It returns the ids that clients
// resumed from.
func streams(t *testing.T, texts ...string) (url string, resumed func() []string) {
	var ids []string
	connections := make(chan struct{}, 1)
	connections <- struct{}{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-connections
		n := len(ids)
		ids = append(ids, r.Header.Get("Last-Event-ID"))
		connections <- struct{}{}
		fmt.Fprint(w, texts[min(n, len(texts)-1)])
		w.(http.Flusher).Flush()
		if n >= len(texts)-1 {
			<-r.Context().Done()
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(server.CloseClientConnections)
	return server.URL, func() []string {
		<-connections
		defer func() { connections <- struct{}{} }()
		return ids
	}
}

const connected = "retry: 10\n\nevent: connected\ndata: {}\n\n"

func published(id string, r ref) string { return "id: " + id + "\ndata: " + r.data() + "\n\n" }

func TestSubscriberResumes(t *testing.T) {
	one, two, three := ref{0, 1}, ref{0, 2}, ref{0, 3}
	url, resumed := streams(t,
		connected+published("e-1", one)+"id: e-2\ndata: cut",
		connected+"event: connections\ndata: {}\n\n"+published("e-2", two)+"event: goodbye\ndata: {\"reason\":\"age\",\"reconnect\":true}\n\n",
		connected+published("e-3", three),
	)
	var c counts
	s := newSubscriber(url, "h", "s", time.Minute, &c)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.run(ctx) }()
	require.NoError(t, s.reach(ctx, 3))
	cancel()
	require.ErrorIs(t, <-done, context.Canceled)
	assert.Equal(t, []ref{one, two, three}, s.seen)
	assert.Equal(t, []string{"", "e-1", "e-2"}, resumed())
	assert.Equal(t, []int64{3, 2, 1, 1, 3}, []int64{
		c.streams.Load(), c.resumed.Load(), c.aged.Load(), c.ended.Load(), c.deliveries.Load(),
	})
}

func TestSubscriberRefuses(t *testing.T) {
	for text, says := range map[string]string{
		published("e-1", ref{0, 1}):                                           "connected is not the first event",
		connected + connected:                                                 "connected is not the first event",
		connected + published("e-2", ref{0, 1}):                               "e-1 should follow, but e-2 came",
		connected + published("e-1", ref{0, 1}) + published("e-1", ref{0, 1}): "e-2 should follow, but e-1 came",
		connected + published("e-1", ref{0, 1}) + published("f-2", ref{0, 2}): "e-2 should follow, but f-2 came",
		connected + published("e-01", ref{0, 1}):                              "is not <epoch>-<seq>",
		connected + published("e-1", ref{0, 1}) + "data: 0 2 \n\n":            "an event without an id",
		connected + "id: e-1\ndata: else\n\n":                                 "nobody published",
		connected + "event: gap\ndata: {}\n\n":                                "gap",
		connected + "event: lag\ndata: {}\n\n":                                "lag",
		connected + "event: connections\nid: e-1\ndata: {}\n\n":               "connections has the id e-1",
		connected + "event: goodbye\ndata: {}\n\n":                            "goodbye {}",
		connected + "event: goodbye\ndata: {\"reason\":\"age\",\"reconnect\":true}\n\nevent: connections\ndata: {}\n\n": "behind goodbye",
		connected: "silent for",
	} {
		url, _ := streams(t, text)
		err := newSubscriber(url, "h", "s", 200*time.Millisecond, &counts{}).run(t.Context())
		require.ErrorIs(t, err, ErrBroken, "%q", text)
		assert.ErrorContains(t, err, says)
		assert.ErrorContains(t, err, "s of h")
	}
}

func TestReachGivesUp(t *testing.T) {
	ctx, cancel := contextEndingAfter(t, time.Millisecond)
	defer cancel()
	err := newSubscriber("", "h", "s", time.Minute, &counts{}).reach(ctx, 1)
	require.ErrorIs(t, err, ErrBroken)
	assert.ErrorContains(t, err, "s of h has come to event 0, and not to the last, 1")
}
