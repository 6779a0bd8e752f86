package localrunner

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience bounds what a test waits for; only a failure takes so long.
const patience = 30 * time.Second

// built is what all tests share: the conformance suite's program, and what it is compiled to.
var built struct{ wasm, cache string }

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "localrunner")
	if err == nil {
		err = build(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	os.RemoveAll(dir)
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// leaked returns the goroutines of this module that do not end.
func leaked() (stacks string) {
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); runtime.Gosched() {
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		stacks = ""
		for _, stack := range strings.Split(string(all), "\n\n")[1:] { // without this one
			if strings.Contains(stack, "hubbub-edge/hubbub/localrunner") {
				stacks += stack + "\n\n"
			}
		}
		if stacks == "" {
			return ""
		}
	}
	return stacks
}

// build makes the program, and copies it, because another package's tests may build it as well.
func build(dir string) error {
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Join(root, "build"), 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(root, "build", ".testhost.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	cmd := exec.Command("go", "run", "./tools/buildwasm", "testworker")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	wasm, err := os.ReadFile(filepath.Join(root, "build", "testworker.wasm"))
	if err != nil {
		return err
	}
	built.wasm = filepath.Join(dir, "testworker.wasm")
	// The runner's own, where there is one: compiling takes seconds, and many under the race detector.
	built.cache = ""
	if _, err := os.UserCacheDir(); err != nil {
		built.cache = filepath.Join(dir, "cache")
	}
	return os.WriteFile(built.wasm, wasm, 0o644)
}

// writeConfig writes a wrangler.toml for the wasm, whose path is absolute, into a folder of its own, with more at its
// top. It returns its path.
func writeConfig(t testing.TB, wasm, more string) string {
	t.Helper()
	dir := t.TempDir()
	relative, err := filepath.Rel(dir, wasm)
	require.NoError(t, err)
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	write("worker.mjs", fmt.Sprintf("import module from %q;\n", filepath.ToSlash(relative)))
	return write("wrangler.toml", `
name = "test"
main = "worker.mjs"
`+more+`
[[durable_objects.bindings]]
name = "Hub"
class_name = "Hub"

[[migrations]]
tag = "v1"
new_sqlite_classes = ["Hub"]
`)
}

// server is a runner that listens.
type server struct {
	*Runner
	t    testing.TB
	url  string
	http *http.Client
}

// serve starts a runner of the suite's program. Two isolates are enough for hubs to be on different ones.
func serve(t testing.TB, opts Options) *server {
	t.Helper()
	if opts.Config == "" {
		opts.Config = writeConfig(t, built.wasm, "")
	}
	if opts.Isolates == 0 {
		opts.Isolates = 2
	}
	opts.CacheDir = built.cache
	r, err := New(opts)
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := httptest.NewUnstartedServer(r)
	h.Listener.Close()
	h.Listener = smallBuffers{l}
	h.Start()
	transport := &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			err = c.(*net.TCPConn).SetReadBuffer(16 << 10)
		}
		return c, err
	}}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := r.Close(ctx); err != nil {
			assert.ErrorIs(t, err, ErrClosed)
		}
		transport.CloseIdleConnections()
		h.Close()
	})
	return &server{r, t, h.URL, &http.Client{Transport: transport}}
}

// smallBuffers has the system take little of what a client does not read.
type smallBuffers struct{ net.Listener }

func (l smallBuffers) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		err = c.(*net.TCPConn).SetWriteBuffer(16 << 10)
	}
	return c, err
}

// answer is a response whose body has been read.
type answer struct {
	*http.Response
	body string
}

func (s *server) do(method, path, contentType, body string) answer {
	a, err := s.try(method, path, contentType, body)
	require.NoError(s.t, err)
	return a
}

func (s *server) try(method, path, contentType, body string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	res, err := s.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	return answer{res, string(b)}, err
}

func (s *server) post(hub, data string) answer {
	return s.do("POST", "/hubs/"+hub+"/events", "text/plain", data)
}

// publish returns the event's id.
func (s *server) publish(hub, data string) string {
	s.t.Helper()
	a := s.post(hub, data)
	require.Equal(s.t, 200, a.StatusCode, a.body)
	return idOf(s.t, a)
}

func idOf(t testing.TB, a answer) string {
	t.Helper()
	var v struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(a.body), &v), a.body)
	return v.ID
}

// problem checks that a is a problem of that status whose detail mentions what.
func problem(t testing.TB, a answer, status int, what string) {
	t.Helper()
	assert.Equal(t, status, a.StatusCode, a.body)
	assert.Equal(t, "application/problem+json", a.Header.Get("Content-Type"))
	assert.Equal(t, "*", a.Header.Get("Access-Control-Allow-Origin"))
	assert.Contains(t, a.body, what)
}

type info struct {
	Sessions    int
	LastEventID string
}

func (s *server) info(hub string) (i info) {
	s.t.Helper()
	a := s.do("GET", "/hubs/"+hub, "", "")
	require.Equal(s.t, 200, a.StatusCode, a.body)
	require.NoError(s.t, json.Unmarshal([]byte(a.body), &i))
	return i
}

// waitSessions waits until the hub has so many.
func (s *server) waitSessions(hub string, n int) {
	s.t.Helper()
	eventually(s.t, func() bool { return s.info(hub).Sessions == n })
}

// eventually asks again and again. What it asks takes its time, so that it need not wait itself.
func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !ok(); {
		require.True(t, time.Now().Before(until), "it did not happen")
	}
}

// awake returns the hub of that name, or nil when it sleeps.
func (s *server) awake(name string) *hub {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.hubs[actor.Address{Class: "Hub", Name: name}]
}

// queued is how many jobs wait for the hub.
func (s *server) queued(name string) int {
	h := s.awake(name)
	if h == nil {
		return 0
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.queue)
}

// subscriber reads a stream.
type subscriber struct {
	t       testing.TB
	decoder *sse.Decoder
	leave   func()
}

// subscribe returns once the hub has greeted it.
func (s *server) subscribe(hub string) *subscriber {
	s.t.Helper()
	sub, err := s.trySubscribe(hub)
	require.NoError(s.t, err)
	require.Equal(s.t, sse.Item{Kind: sse.KindRetry, Retry: actor.DefaultRetry}, sub.next())
	require.Equal(s.t, "connected", sub.next().Event.Name)
	return sub
}

func (s *server) trySubscribe(hub string) (*subscriber, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	req, err := http.NewRequestWithContext(ctx, "GET", s.url+"/hubs/"+hub+"/events", nil)
	if err != nil {
		cancel()
		return nil, err
	}
	res, err := s.http.Do(req)
	if err != nil {
		cancel()
		return nil, err
	}
	s.t.Cleanup(func() { cancel(); res.Body.Close() })
	if res.StatusCode != 200 {
		b, _ := io.ReadAll(res.Body)
		return nil, fmt.Errorf("status %d: %s", res.StatusCode, b)
	}
	return &subscriber{s.t, sse.NewDecoder(res.Body), func() { cancel(); res.Body.Close() }}, nil
}

func (s *subscriber) next() sse.Item {
	s.t.Helper()
	item, err := s.decoder.Next()
	require.NoError(s.t, err)
	return item
}

// message returns the next event that somebody has published.
func (s *subscriber) message() sse.Event {
	s.t.Helper()
	for {
		if item := s.next(); item.Kind == sse.KindEvent && item.Event.HasID {
			return item.Event
		}
	}
}

// commentsBefore counts the comments until the event with that data.
func (s *subscriber) commentsBefore(data string) (n int) {
	s.t.Helper()
	for {
		switch item := s.next(); {
		case item.Kind == sse.KindComment:
			n++
		case item.Kind == sse.KindEvent && item.Event.Data == data:
			return n
		}
	}
}

// rest reads to the end of the stream.
func (s *subscriber) rest() (items []sse.Item, err error) {
	for {
		item, err := s.decoder.Next()
		if err != nil {
			return items, err
		}
		items = append(items, item)
	}
}

// wireOf requests path over a connection of its own and returns all that comes back.
func (s *server) wireOf(t testing.TB, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	require.NoError(t, err)
	defer c.Close()
	require.NoError(t, c.SetDeadline(time.Now().Add(patience)))
	_, err = io.WriteString(c, request)
	require.NoError(t, err)
	var b bytes.Buffer
	_, err = io.Copy(&b, c)
	require.NoError(t, err)
	return b.String()
}
