package gojs

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/tetratelabs/wazero/api"
)

func serve(t testing.TB, in *Instance) *httptest.Server {
	t.Helper()
	srv := httptest.NewServer(in)
	srv.Config.ErrorLog = nil
	t.Cleanup(srv.Close)
	return srv
}

func get(t testing.TB, url string) (*http.Response, string) {
	t.Helper()
	res, err := http.Get(url)
	require.NoError(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	return res, string(b)
}

func TestHello(t *testing.T) {
	in := start(t, Config{})
	srv := serve(t, in)
	res, body := get(t, srv.URL+"/hello?name=w%C3%B6rld")
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	assert.Equal(t, "hello wörld", body)
	assert.Equal(t, "GET", res.Header.Get("X-Method"))
	assert.Equal(t, strings.TrimPrefix(srv.URL, "http://"), res.Header.Get("X-Host"))
	assert.Equal(t, "127.0.0.1", res.Header.Get("X-Remote"))
	assert.Equal(t, []string{"a=1", "b=2"}, res.Header.Values("Set-Cookie"))
	assert.EqualValues(t, len("hello wörld"), res.ContentLength, "a response that is complete at once has its length")
}

func TestHeadAndNoContent(t *testing.T) {
	srv := serve(t, start(t, Config{}))
	res, err := http.Head(srv.URL + "/hello")
	require.NoError(t, err)
	res.Body.Close()
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	res, body := get(t, srv.URL+"/nocontent")
	assert.Equal(t, http.StatusNoContent, res.StatusCode)
	assert.Empty(t, body)
	res, _ = get(t, srv.URL+"/none")
	assert.Equal(t, http.StatusNotFound, res.StatusCode)
}

func TestEchoOfAMebibyte(t *testing.T) {
	srv := serve(t, start(t, Config{}))
	sent := make([]byte, 1<<20)
	rng := rand.NewChaCha8([32]byte{})
	_, _ = rng.Read(sent)
	for _, path := range []string{"/echo", "/raw"} {
		res, err := http.Post(srv.URL+path, "application/octet-stream", bytes.NewReader(sent))
		require.NoError(t, err)
		got, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		res.Body.Close()
		assert.Equal(t, sha256.Sum256(sent), sha256.Sum256(got), path)
		if path == "/echo" {
			assert.Equal(t, fmt.Sprint(len(sent)), res.Header.Get("X-Length"))
		}
	}
}

func TestEchoIsStreamedInBothDirections(t *testing.T) {
	srv := serve(t, start(t, Config{}))
	body, feed := io.Pipe()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, srv.URL+"/echo", body)
	require.NoError(t, err)
	go feed.Write([]byte("one\n"))
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer res.Body.Close()
	lines := bufio.NewScanner(res.Body)
	for _, want := range []string{"one", "two", "three"} {
		require.True(t, lines.Scan())
		assert.Equal(t, want, lines.Text())
		switch want {
		case "one":
			go feed.Write([]byte("two\n"))
		case "two":
			go func() {
				feed.Write([]byte("three\n"))
				feed.Close()
			}()
		}
	}
	assert.False(t, lines.Scan())
	assert.Equal(t, "-1", res.Header.Get("X-Length"))
}

func TestStreamWithSleepsUnderAFakeClock(t *testing.T) {
	clock := newFakeClock()
	in := start(t, Config{Clock: clock})
	srv := serve(t, in)
	res, err := http.Get(srv.URL + "/stream")
	require.NoError(t, err)
	defer res.Body.Close()
	assert.Equal(t, "text/event-stream", res.Header.Get("Content-Type"))
	lines := bufio.NewReader(res.Body)
	for i := range 3 {
		line, err := lines.ReadString('\n')
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("data: %d\n", i), line)
		_, err = lines.ReadString('\n')
		require.NoError(t, err)
		settle(t, in) // the handler is asleep
		clock.advance(time.Second)
	}
	_, err = lines.ReadString('\n')
	assert.ErrorIs(t, err, io.EOF)
}

func TestTheProgramReadsTheClock(t *testing.T) {
	clock := newFakeClock()
	srv := serve(t, start(t, Config{Clock: clock}))
	_, body := get(t, srv.URL+"/now")
	assert.Equal(t, "2026-01-02T03:04:05.000000678Z", body)
	clock.advance(time.Hour)
	_, body = get(t, srv.URL+"/now")
	assert.Equal(t, "2026-01-02T04:04:05.000000678Z", body)
}

func TestEnv(t *testing.T) {
	srv := serve(t, start(t, Config{Env: map[string]string{"GREETING": "grüß dich"}}))
	_, body := get(t, srv.URL+"/env")
	assert.Equal(t, "grüß dich|", body)
}

func TestObjectModel(t *testing.T) {
	srv := serve(t, start(t, Config{}))
	_, body := get(t, srv.URL+"/js")
	assert.Regexp(t, `^\d+ checks\n$`, body)
}

func TestUnsupportedFetchIsAnErrorOfTheProgram(t *testing.T) {
	srv := serve(t, start(t, Config{}))
	_, body := get(t, srv.URL+"/fetch")
	assert.Contains(t, body, "localrunner: global fetch is not supported")
}

func TestWaitUntil(t *testing.T) {
	clock, stdout := newFakeClock(), &syncBuffer{}
	in := start(t, Config{Clock: clock, Stdout: stdout})
	_, body := get(t, serve(t, in).URL+"/waituntil")
	assert.Equal(t, "ok", body)
	settle(t, in)
	clock.advance(time.Second)
	settle(t, in)
	assert.Equal(t, "waited\n", stdout.String())
}

func TestCrashBeforeTheHead(t *testing.T) {
	for path, want := range map[string]string{
		"/panic":   "gojs: instance lost: the program ended with panic: the handler is broken",
		"/exit":    "gojs: instance lost: the program called os.Exit(3)",
		"/recurse": "gojs: instance lost: stack overflow",
	} {
		t.Run(path, func(t *testing.T) {
			in := start(t, Config{})
			srv := serve(t, in)
			// A second request waits while the first ends the program: nobody may hang.
			other := make(chan int)
			clocked := make(chan struct{})
			go func() {
				close(clocked)
				res, err := http.Get(srv.URL + "/timeout")
				if !assert.NoError(t, err) {
					other <- 0
					return
				}
				res.Body.Close()
				other <- res.StatusCode
			}()
			<-clocked
			res, body := get(t, srv.URL+path)
			assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
			assert.True(t, strings.HasPrefix(body, want), body)
			assert.Equal(t, http.StatusInternalServerError, <-other)
			res, _ = get(t, srv.URL+"/hello")
			assert.Equal(t, http.StatusInternalServerError, res.StatusCode)
		})
	}
}

func TestCrashInTheMiddleBreaksTheConnection(t *testing.T) {
	clock := newFakeClock()
	in := start(t, Config{Clock: clock})
	res, err := http.Get(serve(t, in).URL + "/half")
	require.NoError(t, err)
	defer res.Body.Close()
	first := make([]byte, 4)
	_, err = io.ReadFull(res.Body, first)
	require.NoError(t, err)
	assert.Equal(t, "half", string(first))
	clock.advance(time.Second)
	_, err = io.ReadAll(res.Body)
	assert.ErrorIs(t, err, io.ErrUnexpectedEOF)
}

func TestTheStockServeAnswersOnceAndEnds(t *testing.T) {
	in := start(t, Config{Env: map[string]string{"BOOT": "serve"}})
	srv := serve(t, in)
	res, body := get(t, srv.URL+"/hello?name=x")
	assert.Equal(t, http.StatusTeapot, res.StatusCode)
	assert.Equal(t, "hello x", body)
	<-in.Done()
	var exit *ExitError
	require.ErrorAs(t, in.Err(), &exit)
	assert.Zero(t, exit.Code)
}

func TestAClientThatLeavesIsNoticed(t *testing.T) {
	clock, stdout := newFakeClock(), &syncBuffer{}
	in := start(t, Config{Clock: clock, Stdout: stdout})
	srv := serve(t, in)
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/endless", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	line, err := bufio.NewReader(res.Body).ReadString('\n')
	require.NoError(t, err)
	assert.Equal(t, "tick 0\n", line)
	cancel()
	res.Body.Close()
	srv.Close() // waits for ServeHTTP
	settle(t, in)
	clock.advance(time.Second)
	settle(t, in)
	assert.Equal(t, "endless: gone: io: read/write on closed pipe\n", stdout.String())
	assert.Zero(t, clock.pending())
}

// stalledWriter takes no bytes until it is released.
type stalledWriter struct {
	*httptest.ResponseRecorder
	writing chan struct{}
	leave   chan struct{}
}

func (w *stalledWriter) Write(p []byte) (int, error) {
	select {
	case w.writing <- struct{}{}:
	default:
	}
	<-w.leave
	return 0, errors.New("gone")
}

func TestASlowClientSlowsTheProgram(t *testing.T) {
	in := start(t, Config{})
	w := &stalledWriter{httptest.NewRecorder(), make(chan struct{}, 1), make(chan struct{})}
	ended := make(chan any)
	go func() {
		defer func() { ended <- recover() }()
		in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/flood", nil))
	}()
	<-w.writing
	settle(t, in)
	var flooded float64
	require.NoError(t, in.Do(t.Context(), func(context.Context, api.Module) error {
		flooded, _ = in.realm.global.get(in.realm, "flooded").(float64)
		return nil
	}))
	assert.Less(t, flooded, 20.0, "chunks of 16 KiB written into a client that takes none")
	assert.Greater(t, flooded, 1.0)
	close(w.leave)
	assert.Equal(t, http.ErrAbortHandler, <-ended)
	settle(t, in)
}

func TestFailedIsTheCallersAnswer(t *testing.T) {
	var cause error
	in := start(t, Config{Failed: func(w http.ResponseWriter, _ *http.Request, err error) {
		cause = err
		w.WriteHeader(http.StatusServiceUnavailable)
	}})
	w := httptest.NewRecorder()
	in.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/panic", nil))
	assert.Equal(t, http.StatusServiceUnavailable, w.Code)
	require.ErrorIs(t, cause, ErrLost)
}
