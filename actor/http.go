package actor

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Header is the header of a request or a response: fields in order. Names are compared without case.
type Header []HeaderField

// HeaderField is one line of a header.
type HeaderField struct{ Name, Value string }

// Get returns the first value of name, or "".
func (h Header) Get(name string) string {
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			return f.Value
		}
	}
	return ""
}

// Set puts value in place of the first field of that name, or behind all others.
func (h *Header) Set(name, value string) {
	for i, f := range *h {
		if strings.EqualFold(f.Name, name) {
			(*h)[i].Value = value
			return
		}
	}
	h.Add(name, value)
}

// Add appends a field.
func (h *Header) Add(name, value string) { *h = append(*h, HeaderField{name, value}) }

// fill adds those fields of more whose names h does not have.
func (h *Header) fill(more Header) {
	own := *h
	for _, f := range more {
		if !slices.ContainsFunc(own, func(o HeaderField) bool { return strings.EqualFold(o.Name, f.Name) }) {
			h.Add(f.Name, f.Value)
		}
	}
}

// ErrHeader: a header field's name is no token, or its value has CR, LF or NUL.
var ErrHeader = errors.New("actor: invalid header field")

// check keeps a value that somebody else controls from ending its line and beginning another.
func (h Header) check() error {
	for _, f := range h {
		if f.Name == "" || strings.ContainsFunc(f.Name, notToken) || strings.ContainsAny(f.Value, "\r\n\x00") {
			return fmt.Errorf("%w: %q: %q", ErrHeader, f.Name, f.Value)
		}
	}
	return nil
}

// notToken is what a field name cannot have (RFC 9110, section 5.6.2).
func notToken(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r)
}

// Request is an HTTP request as the front or a hub sees it.
type Request struct {
	Method   string
	Path     string // as on the wire: percent-encoded
	RawQuery string // behind the "?", without it
	Header   Header
	// Rest is the path behind the hub's name, from its slash on ("/events"), or "". See [Class.Path].
	Rest string
	// Body is the whole body, or its first [Class.MaxBody] bytes. The front does not see bodies.
	Body []byte
	// Meta is what the front gave with its decision for the hub, see [Decision.Meta].
	Meta []byte
	// BodyTruncated says that the body was longer than [Class.MaxBody].
	BodyTruncated bool
}

// Query returns the parsed query; malformed pairs are left out.
func (r *Request) Query() url.Values {
	if r.RawQuery == "" {
		return nil
	}
	v, _ := url.ParseQuery(r.RawQuery) // what is malformed is left out of v
	return v
}

// Response answers a request. The zero value is an empty 200.
type Response struct {
	Status int // 0 means 200
	Header Header
	Body   []byte

	session *Session // whose stream the response begins
}

// busy returns a problem of a client that should come back after a while.
func busy(status int, after time.Duration, detail string) *Response {
	r := Problem(status, detail)
	r.Header.Set("Retry-After", strconv.Itoa(int(max(1, (after+time.Second-1)/time.Second))))
	return r
}

// finish fills in the default status and checks what a host could not send.
func (r *Response) finish() error {
	setDefault(&r.Status, http.StatusOK)
	if r.Status < 200 || r.Status > 599 {
		return fmt.Errorf("actor: %d is not the status of a response", r.Status)
	}
	return r.Header.check()
}

// JSON returns a response with v as compact JSON. What cannot be encoded is a mistake in the program: it panics, and
// so fails the turn.
func JSON(status int, v any) *Response {
	body, err := json.Marshal(v)
	if err != nil {
		panic("actor: JSON: " + err.Error())
	}
	return &Response{Status: status, Header: Header{{"Content-Type", "application/json"}}, Body: body}
}

// Text returns a response in plain text.
func Text(status int, text string) *Response {
	return &Response{Status: status, Header: Header{{"Content-Type", "text/plain; charset=utf-8"}}, Body: []byte(text)}
}

// Problem returns a problem details response (RFC 9457): title is the status's name, detail says in one sentence what
// was wrong with this request.
func Problem(status int, detail string) *Response {
	r := JSON(status, problem{"about:blank", http.StatusText(status), status, detail})
	r.Header.Set("Content-Type", "application/problem+json")
	return r
}

type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// SplitPath splits a URL path of the form prefix + name + rest, as [Class.Path] says it: name is one segment, which it
// decodes; rest begins with a slash or is empty. ok says whether path begins with prefix. err wraps [ErrName] when the
// segment is no hub's name.
func SplitPath(path, prefix string) (name, rest string, ok bool, err error) {
	path, ok = strings.CutPrefix(path, prefix)
	if !ok {
		return "", "", false, nil
	}
	segment := path
	if i := strings.IndexByte(path, '/'); i >= 0 {
		segment, rest = path[:i], path[i:]
	}
	name, err = url.PathUnescape(segment)
	if err != nil {
		return "", rest, true, wrapName(err)
	}
	return name, rest, true, CheckName(name)
}
