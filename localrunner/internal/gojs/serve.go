package gojs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
)

// outLimit is how many bytes of a response body wait for the client before the program is no longer asked for more.
const outLimit = 64 << 10

// exchange is one request on its way through the program. The goroutine of ServeHTTP and that of the instance meet
// at what mu guards.
type exchange struct {
	in  *Instance
	req *http.Request
	src *bodySource // nil: no body

	// Owned by the instance's goroutine.

	reader  *streamReader
	aborted bool
	queued  bool // in Instance.dirty

	ready chan struct{}

	mu     sync.Mutex
	head   *responseHead
	chunks [][]byte
	size   int
	paused bool
	ended  bool
	err    error // with ended: the response did not end as it should
}

// responseHead is what a Response says before its body.
type responseHead struct {
	status int
	fields []headerField
}

// ServeHTTP hands the request to the handler that the program gave to workers.Serve, and returns when the response
// has ended. Bodies are streamed in both directions: the program reads as fast as the client sends, and is asked for
// no more than the client takes. When the client goes away, the stream of the response is canceled, so that the
// handler's next write fails. A response that breaks after its head, and a request that its client has abandoned,
// end with a panic of [http.ErrAbortHandler], as net/http wants it.
func (in *Instance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x := &exchange{in: in, req: r, ready: make(chan struct{}, 1)}
	if r.Body != nil && r.Body != http.NoBody && r.ContentLength != 0 {
		x.src = newBodySource(in, r.Body, http.NewResponseController(w))
		defer x.src.stop()
	}
	if !in.post(funcTask(x.begin)) {
		in.cfg.Failed(w, r, in.Err())
		return
	}
	x.copyResponse(w)
}

// copyResponse writes what the program answers until it has ended.
func (x *exchange) copyResponse(w http.ResponseWriter) {
	var head *responseHead
	rc := http.NewResponseController(w)
	for {
		lost := false
		select {
		case <-x.ready:
		case <-x.req.Context().Done():
			x.abort(x.req.Context().Err())
			if head == nil && errors.Is(x.req.Context().Err(), context.DeadlineExceeded) {
				x.in.cfg.Failed(w, x.req, x.req.Context().Err())
				return
			}
			panic(http.ErrAbortHandler)
		case <-x.in.done:
			lost = true
		}
		got := x.take()
		if lost && !got.ended {
			got.ended, got.err = true, x.in.Err()
		}
		if head == nil && got.head != nil && (got.err == nil || len(got.chunks) > 0) {
			head = got.head
			writeHead(w, x.req, got)
		}
		if head == nil && got.ended {
			x.in.cfg.Failed(w, x.req, got.err)
			return
		}
		for _, chunk := range got.chunks {
			if _, err := w.Write(chunk); err != nil {
				x.abort(err)
				panic(http.ErrAbortHandler)
			}
		}
		if got.err != nil {
			panic(http.ErrAbortHandler)
		}
		if got.ended {
			return
		}
		if head != nil {
			// A writer that cannot flush has nothing to flush.
			_ = rc.Flush()
		}
		if got.paused {
			x.in.post(funcTask(x.pump))
		}
	}
}

// writeHead begins the response.
func writeHead(w http.ResponseWriter, r *http.Request, got taken) {
	h := w.Header()
	for _, f := range got.head.fields {
		switch f.name {
		case "connection", "keep-alive", "transfer-encoding", "upgrade": // the connection is not the program's
			continue
		}
		h[http.CanonicalHeaderKey(f.name)] = f.values
	}
	if got.ended && got.err == nil && r.Method != http.MethodHead && h.Get("Content-Length") == "" && !noBodyStatus(got.head.status) {
		n := 0
		for _, c := range got.chunks {
			n += len(c)
		}
		h.Set("Content-Length", strconv.Itoa(n))
	}
	w.WriteHeader(got.head.status)
}

// taken is what has come from the program since the last time.
type taken struct {
	head          *responseHead
	chunks        [][]byte
	paused, ended bool
	err           error
}

func (x *exchange) take() taken {
	x.mu.Lock()
	defer x.mu.Unlock()
	got := taken{head: x.head, chunks: x.chunks, paused: x.paused, ended: x.ended, err: x.err}
	x.chunks, x.size, x.paused = nil, 0, false
	return got
}

// abort tells the program that nobody listens any more.
func (x *exchange) abort(cause error) {
	x.in.post(funcTask(func() {
		x.aborted = true
		if x.reader != nil && x.reader.stream != nil {
			x.reader.stream.abandon(x.in.realm, "The client has gone away: "+cause.Error())
		}
	}))
}

// What follows runs on the instance's goroutine.

// begin calls the program's handler.
func (x *exchange) begin() {
	r := x.in.realm
	binding, _ := x.in.context.get(r, "binding").(*object)
	if binding == nil || binding.get(r, "handleRequest") == nil {
		x.end(fmt.Errorf("%w: it has no handler, workers.Serve was not called", ErrRejected))
		return
	}
	res, err := r.invoke(binding, "handleRequest", []value{x.request()})
	if err != nil {
		x.end(fmt.Errorf("%w: %w", ErrRejected, err))
		return
	}
	r.promiseFor(res).then(r, x.respond, func(e value) {
		x.end(fmt.Errorf("%w: %s", ErrRejected, r.toString(e)))
	})
}

// request makes the Request object.
func (x *exchange) request() *object {
	r, req := x.in.realm, x.req
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	h := &headers{}
	h.fromHTTP(req.Header)
	set := func(name, v string) {
		h.remove(name)
		if v != "" {
			h.add(name, v)
		}
	}
	set("host", req.Host)
	// The edge overwrites it, so that a client cannot pretend.
	client, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		client = req.RemoteAddr
	}
	set("cf-connecting-ip", client)
	set("content-length", "")
	if req.ContentLength > 0 {
		set("content-length", strconv.FormatInt(req.ContentLength, 10))
	}
	q := &request{url: scheme + "://" + req.Host + req.URL.RequestURI(), method: req.Method, headers: r.newHeaders(h)}
	if x.src != nil {
		q.stream = x.src.stream()
	}
	return r.newRequest(q)
}

// respond takes what the handler's promise was fulfilled with.
func (x *exchange) respond(v value) {
	r := x.in.realm
	res, err := dataOf[*response](r, v, "Response")
	if err != nil {
		x.end(fmt.Errorf("%w: it answered with %s instead of a Response", ErrRejected, r.describe(v)))
		return
	}
	if res.status < 200 {
		x.end(fmt.Errorf("%w: %sa response with status %d is not supported", ErrRejected, refusalPrefix, res.status))
		return
	}
	if res.stream == nil {
		x.setHead(res)
		x.end(nil)
		return
	}
	if x.aborted {
		res.stream.abandon(r, "The client has gone away")
		return
	}
	if x.reader, err = res.stream.acquire(r); err != nil {
		x.end(fmt.Errorf("%w: %w", ErrRejected, err))
		return
	}
	x.setHead(res)
	x.pump()
}

func (x *exchange) setHead(res *response) {
	head := &responseHead{status: res.status}
	for _, f := range res.headers.data.(*headers).list {
		head.fields = append(head.fields, headerField{f.name, append([]string(nil), f.values...)})
	}
	x.mu.Lock()
	x.head = head
	x.mu.Unlock()
	x.mark()
}

// pump asks the response's body for its next chunk.
func (x *exchange) pump() {
	r := x.in.realm
	x.reader.read(r, readRequest{
		chunk: func(v value) {
			b, ok := viewOf(v)
			if !ok {
				x.end(r.throwType("the body of a response must consist of Uint8Arrays, not of %s", r.describe(v)))
				return
			}
			if x.push(b) {
				r.microtask(x.pump)
			}
		},
		close: func() { x.end(nil) },
		fail:  func(e value) { x.end(r.throwValue(e)) },
	})
}

// push adds a chunk, and reports whether there is room for more. The program may write over b later.
func (x *exchange) push(b []byte) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(b) > 0 {
		x.chunks = append(x.chunks, append([]byte(nil), b...))
		x.size += len(b)
	}
	x.paused = x.size >= outLimit
	x.mark()
	return !x.paused
}

func (x *exchange) end(err error) {
	x.mu.Lock()
	if !x.ended {
		x.ended, x.err = true, err
	}
	x.mu.Unlock()
	x.mark()
}

// mark has ServeHTTP woken once the current task is over: all that the program produces in one go is then
// written in one go.
func (x *exchange) mark() {
	if !x.queued {
		x.queued = true
		x.in.dirty = append(x.in.dirty, x)
	}
}

func (x *exchange) deliver() {
	x.queued = false
	select {
	case x.ready <- struct{}{}:
	default:
	}
}

var _ http.Handler = (*Instance)(nil)
