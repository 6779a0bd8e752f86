package localrunner

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/localrunner/internal/storage"
)

// ServeHTTP answers a request as the Worker would: static assets, the front's own answers, hubs, the program's
// http.Handler.
func (r *Runner) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.busy.add(1)
	defer r.busy.add(-1)
	r.handle(w, req)
}

func (r *Runner) handle(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		r.refuse(w, req, ErrClosed)
		return
	}
	r.streams.Add(1)
	r.mu.Unlock()
	defer r.streams.Done()

	if r.assets.serve(w, req) {
		return
	}
	in := request(req)
	iso := r.isolates[r.next.Add(1)%uint64(len(r.isolates))]
	d, err := iso.route(req.Context(), in)
	switch {
	case err != nil:
		r.refuse(w, req, err)
	case d.Answer != nil:
		write(w, d.Answer)
	case d.Hub != actor.Address{}:
		in.Meta = d.Meta
		r.serveHub(w, req, d.Hub, in)
	default:
		r.busy.add(-1) // a handler may sleep
		defer r.busy.add(1)
		r.lease.ServeHTTP(w, req)
	}
}

// clientIP is the header field with the client's address. The edge overwrites it, so that a client cannot pretend.
const clientIP = "cf-connecting-ip"

// request is what the program sees of a request: names in lower case and in order, as a Worker's Headers have them.
func request(req *http.Request) *actor.Request {
	in := &actor.Request{Method: req.Method, Path: req.URL.EscapedPath(), RawQuery: req.URL.RawQuery}
	if in.Path == "" {
		in.Path = "/" // the URL of a Request has a path always
	}
	in.Header = make(actor.Header, 0, len(req.Header)+2)
	in.Header.Add("host", req.Host)
	client, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		client = req.RemoteAddr
	}
	in.Header.Add(clientIP, client)
	for name, values := range req.Header {
		if name = strings.ToLower(name); name != clientIP {
			in.Header.Add(name, strings.Join(values, ", "))
		}
	}
	slices.SortFunc(in.Header, func(a, b actor.HeaderField) int { return strings.Compare(a.Name, b.Name) })
	return in
}

func (r *Runner) serveHub(w http.ResponseWriter, req *http.Request, addr actor.Address, in *actor.Request) {
	var err error
	if in.Body, in.BodyTruncated, err = readBody(req.Body, r.classes[addr.Class].MaxBody); err != nil {
		// The client has gone, or what it sends is no body. That must not look like a success.
		w.Header().Set("Connection", "close")
		write(w, r.answer(http.StatusBadRequest, "the body could not be read: "+err.Error()))
		return
	}
	j := &job{in: &actor.Input{Kind: actor.InputRequest, Hub: addr, Request: in}, reply: make(chan reply, 1)}
	if err := r.post(addr, j); err != nil {
		r.refuse(w, req, err)
		return
	}
	switch re := <-j.reply; {
	case re.err != nil:
		r.refuse(w, req, re.err)
	case re.session != nil:
		stream(w, req, re)
	default:
		write(w, re.response)
	}
}

// stream serves a session until it ends.
func stream(w http.ResponseWriter, req *http.Request, re reply) {
	reason, aborted := actor.LeaveGone, false
	defer func() { re.session.hub.gone(re.session, reason) }() // deferred, because a writer may panic
	writeHead(w, re.response)
	if reason, aborted = re.session.serve(w, req); aborted {
		panic(http.ErrAbortHandler) // the client must not take it for the stream's proper end
	}
}

// readBody reads at most limit bytes, and says whether there were more.
func readBody(body io.Reader, limit int) (b []byte, truncated bool, err error) {
	b, err = io.ReadAll(io.LimitReader(body, int64(limit)+1))
	if len(b) > limit {
		return b[:limit], true, nil
	}
	return b, false, err
}

func writeHead(w http.ResponseWriter, res *actor.Response) {
	for _, f := range res.Header {
		w.Header().Add(f.Name, f.Value)
	}
	w.WriteHeader(res.Status)
}

func write(w http.ResponseWriter, res *actor.Response) {
	writeHead(w, res)
	w.Write(res.Body) // an error is the client's, who has left
}

// refuse answers a request that the program could not.
func (r *Runner) refuse(w http.ResponseWriter, req *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		panic(http.ErrAbortHandler) // nobody is there
	}
	var lost *LostError
	if !errors.As(err, &lost) && !errors.Is(err, ErrClosed) {
		r.opts.Log.Error("a request failed", "method", req.Method, "path", req.URL.Path, "err", err)
	}
	write(w, r.problem(err.Error(), err))
}

// problem is the answer to a request that failed in the host.
func (r *Runner) problem(detail string, err error) *actor.Response {
	status := http.StatusServiceUnavailable
	if errors.Is(err, storage.ErrFull) {
		status = http.StatusInsufficientStorage
	}
	res := r.answer(status, detail)
	res.Header.Set("Retry-After", "1")
	return res
}

// answer is an answer of the host's own, with the header that the program wants on each.
func (r *Runner) answer(status int, detail string) *actor.Response {
	res := actor.Problem(status, detail)
	if r.about != nil {
		for _, f := range r.about.Header {
			res.Header.Set(f.Name, f.Value)
		}
	}
	return res
}
