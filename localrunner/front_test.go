package localrunner

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// leaveOf is an input without effects, for a session that there is not.
func leaveOf(h *hub, session string) *actor.Input {
	return &actor.Input{Kind: actor.InputLeave, Hub: h.addr, Session: session}
}

func TestRequestAsTheProgramSeesIt(t *testing.T) {
	req := httptest.NewRequest("POST", "http://example.com/a%2fb/c%20d?x=%20y&&", nil)
	req.RemoteAddr = "[2001:db8::1]:1234"
	req.Header["B"] = []string{"1", "2"}
	req.Header.Set("Cf-Connecting-Ip", "a lie")
	got := request(req)
	assert.Equal(t, &actor.Request{
		Method: "POST", Path: "/a%2fb/c%20d", RawQuery: "x=%20y&&",
		Header: actor.Header{
			{Name: "b", Value: "1, 2"},
			{Name: "cf-connecting-ip", Value: "2001:db8::1"},
			{Name: "host", Value: "example.com"},
		},
	}, got)

	bare, err := http.NewRequest("GET", "http://example.com", nil)
	require.NoError(t, err)
	assert.Equal(t, "/", request(bare).Path)
}

func TestHTTP(t *testing.T) {
	s := serve(t, Options{})
	publish := "POST /hubs/a/events HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nConnection: close\r\n"

	t.Run("a body that breaks off is no event", func(t *testing.T) {
		got := s.wireOf(t, publish+"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n")
		assert.True(t, strings.HasPrefix(got, "HTTP/1.1 400 "), got)
		assert.Contains(t, got, "the body could not be read")
		assert.Empty(t, s.info("a").LastEventID)
	})
	t.Run("Expect", func(t *testing.T) {
		got := s.wireOf(t, publish+"Expect: 100-continue\r\nContent-Length: 2\r\n\r\nhi")
		assert.True(t, strings.HasPrefix(got, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 "), got)
	})
	t.Run("HEAD has the length and no body", func(t *testing.T) {
		get := s.do("GET", "/healthz", "", "")
		head := s.do("HEAD", "/healthz", "", "")
		assert.Equal(t, get.StatusCode, head.StatusCode)
		assert.Equal(t, get.Header.Get("Content-Length"), head.Header.Get("Content-Length"))
		assert.Empty(t, head.body)
	})
	t.Run("a body that is too long", func(t *testing.T) {
		problem(t, s.post("a", strings.Repeat("x", 1<<20)), 413, "")
		assert.Equal(t, 200, s.post("a", "the next one").StatusCode)
	})
	t.Run("a body that nobody wants", func(t *testing.T) {
		assert.Equal(t, 405, s.do("POST", "/healthz", "", strings.Repeat("x", 100<<10)).StatusCode)
	})
	t.Run("a connection serves a stream and then a request", func(t *testing.T) {
		s.info("b")
		s.awake("b").endStreams() // so that streams end by themselves
		for range 3 {
			a := s.do("GET", "/hubs/b/events", "", "")
			assert.Equal(t, "retry: 1000\n\n", a.body)
			assert.Equal(t, 200, s.do("GET", "/healthz", "", "").StatusCode)
		}
	})
}
