package soak

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDataNamesItsEvent(t *testing.T) {
	for publisher := range 20 {
		for n := range 200 {
			r, err := parseRef(ref{publisher, n}.data())
			require.NoError(t, err)
			require.Equal(t, ref{publisher, n}, r)
		}
	}
	whole := ref{1, 5}.data()
	for _, altered := range []string{"", "1", "1 5", "1 5 ", whole[1:], whole[:len(whole)-1], whole + "x", "0" + whole, "-" + whole} {
		_, err := parseRef(altered)
		require.ErrorIs(t, err, ErrBroken, "%q", altered)
	}
}

func FuzzParseRef(f *testing.F) {
	f.Add("1 5 xx\nx")
	f.Add(ref{3, 7}.data())
	f.Fuzz(func(t *testing.T, data string) {
		if r, err := parseRef(data); err == nil {
			require.Equal(t, data, r.data())
		}
	})
}

// A publisher repeats what was not answered, with the same key and content, and nothing that has no key.
func TestPublisherRetries(t *testing.T) {
	var mu sync.Mutex
	attempts := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		data := dataOf(t, r)
		event, err := parseRef(data)
		assert.NoError(t, err)
		mu.Lock()
		defer mu.Unlock()
		attempts[data]++
		if key := r.Header.Get("Idempotency-Key"); key != "" {
			assert.Equal(t, fmt.Sprintf("%d-%d", event.publisher, event.n), key)
		} else {
			assert.Equal(t, 1, attempts[data])
		}
		if attempts[data] == 1 {
			panic(http.ErrAbortHandler)
		}
		fmt.Fprintf(w, `{"id":"e-%d"}`, event.n+1)
	}))
	defer server.Close()
	var c counts
	p := newPublisher(server.URL, 3, []string{"a", "b"}, Options{Patience: time.Minute}, newRush(), &c)
	for range 30 {
		require.NoError(t, p.publish(t.Context()))
	}
	require.Len(t, p.published, 30)
	hubs := map[string]int{}
	for n, pub := range p.published {
		hubs[pub.hub]++
		assert.Equal(t, ref{3, n}, pub.ref)
		if pub.key == "" {
			assert.Empty(t, pub.id)
		} else {
			assert.Equal(t, fmt.Sprintf("e-%d", n+1), pub.id)
		}
	}
	assert.Len(t, hubs, 2)
	assert.Len(t, publicationsTo("a", []*publisher{p}), hubs["a"])
	assert.Positive(t, c.acknowledged.Load())
	assert.Equal(t, c.acknowledged.Load(), c.retries.Load())
	assert.EqualValues(t, 30, c.lost.Load())
}

func TestPublisherRefuses(t *testing.T) {
	for answer, says := range map[string]string{
		"":             "answered with 200",
		`{"id":""}`:    "is not <epoch>-<seq>",
		`{"id":"e-0"}`: "is not <epoch>-<seq>",
	} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, answer) }))
		p := newPublisher(server.URL, 0, []string{"a"}, Options{Patience: time.Minute}, newRush(), &counts{})
		err := p.publish(t.Context())
		require.ErrorIs(t, err, ErrBroken)
		assert.ErrorContains(t, err, says)
		server.Close()
	}
}

// A host that takes a publish and never answers is at fault.
func TestPublisherLosesPatience(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		dataOf(t, r) // Only behind the body does a server notice that its client leaves.
		<-r.Context().Done()
	}))
	defer server.Close()
	p := newPublisher(server.URL, 0, []string{"a"}, Options{Patience: 20 * time.Millisecond}, newRush(), &counts{})
	require.ErrorContains(t, p.publish(t.Context()), "was not acknowledged within 20ms")
}

func TestPublisherStops(t *testing.T) {
	host := newFakeHost(t, faults{})
	stop := make(chan struct{})
	close(stop)
	p := newPublisher(host.URL(), 0, []string{"a"}, Options{Patience: time.Minute}, newRush(), &counts{})
	require.NoError(t, p.run(t.Context(), stop))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, p.run(ctx, make(chan struct{})), context.Canceled)
}
