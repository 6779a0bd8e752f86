package gojs

import "strings"

// body is what Request and Response have in common (WHATWG Fetch, section 5.3).
type body struct {
	// stream is nil for no body.
	stream *readable
	// contentType is what the kind of the body implies; empty for bytes and streams.
	contentType string
}

// bodied is implemented by the data of Request and Response.
type bodied interface{ theBody() *body }

func (b *body) theBody() *body { return b }

// extractBody makes a body of what a constructor was given.
func (r *realm) extractBody(v value) (body, error) {
	switch v := v.(type) {
	case nil, nullValue:
		return body{}, nil
	case *object:
		if s, ok := v.data.(*readable); ok {
			if s.reader != nil || s.disturbed {
				return body{}, r.throwType("This ReadableStream is disturbed (has already been read from), and cannot be used as a body.")
			}
			return body{stream: s}, nil
		}
		if b, ok := bytesOf(v); ok {
			return body{stream: r.bytesStream(append([]byte(nil), b...))}, nil
		}
	}
	return body{stream: r.bytesStream([]byte(r.toString(v))), contentType: "text/plain;charset=UTF-8"}, nil
}

// bytesStream is a stream of one chunk, or of none for no bytes.
func (r *realm) bytesStream(b []byte) *readable {
	s := r.emptyStream(0, nil)
	if len(b) > 0 {
		_ = s.enqueue(r, r.newBytes(b)) // a new stream accepts
	}
	_ = s.close(r)
	return s
}

// installBody gives a prototype the members of the Body mixin.
func (r *realm) installBody(proto *object, class string) {
	getters(proto, map[string]func(*realm, *object) value{
		"body": func(_ *realm, o *object) value {
			if b, ok := o.data.(bodied); ok && b.theBody().stream != nil {
				return b.theBody().stream.obj
			}
			return null
		},
		"bodyUsed": func(_ *realm, o *object) value {
			b, ok := o.data.(bodied)
			return ok && b.theBody().stream != nil && b.theBody().stream.disturbed
		},
	})
	consume := func(name string, convert func(b []byte) value) nativeFunc {
		return func(r *realm, this value, _ []value) (value, error) {
			d, err := dataOf[bodied](r, this, class+"."+name)
			if err != nil {
				return r.promiseOf(nil, err), nil
			}
			o, p := r.newPromise()
			switch s := d.theBody().stream; {
			case s == nil:
				p.resolve(r, convert(nil))
			case s.disturbed:
				p.reject(r, r.newError("TypeError", "Body has already been used. It can only be used once."))
			default:
				s.readAll(r, func(b []byte) { p.resolve(r, convert(b)) }, func(e value) { p.reject(r, e) })
			}
			return o, nil
		}
	}
	r.methods(proto, map[string]nativeFunc{
		"text":        consume("text", func(b []byte) value { return decodeUTF8(b) }),
		"arrayBuffer": consume("arrayBuffer", func(b []byte) value { return r.newBuffer(b) }),
		"bytes":       consume("bytes", func(b []byte) value { return r.newBytes(b) }),
	})
	r.refuseMethods(proto, class, "json", "formData", "blob", "clone")
}

// request is the data of a Request.
type request struct {
	body
	url, method string
	headers     *object
}

func (r *realm) installRequest() {
	_, r.requestProto = r.class("Request", func(r *realm, args []value) (*object, error) {
		q := &request{method: "GET"}
		h := &headers{}
		if from, err := dataOf[*request](r, arg(args, 0), "Request"); err == nil {
			q.url, q.method, q.body = from.url, from.method, from.body
			if err := r.fillHeaders(h, from.headers); err != nil {
				return nil, err
			}
		} else {
			q.url = r.toString(arg(args, 0))
		}
		if init, ok := arg(args, 1).(*object); ok {
			if m := init.get(r, "method"); m != nil {
				q.method = r.toString(m)
				if !isToken(q.method) {
					return nil, r.throwType("Invalid HTTP method string: %s", q.method)
				}
				if up := strings.ToUpper(q.method); strings.Contains(" GET HEAD POST PUT DELETE OPTIONS ", " "+up+" ") {
					q.method = up
				}
			}
			if hs := init.get(r, "headers"); hs != nil {
				h.list = nil
				if err := r.fillHeaders(h, hs); err != nil {
					return nil, err
				}
			}
			if b := init.get(r, "body"); !isNullish(b) {
				if q.method == "GET" || q.method == "HEAD" {
					return nil, r.throwType("Request with a GET or HEAD method cannot have a body.")
				}
				var err error
				if q.body, err = r.extractBody(b); err != nil {
					return nil, err
				}
			}
		}
		if q.contentType != "" && h.find("content-type") == nil {
			h.add("content-type", q.contentType)
		}
		q.headers = r.newHeaders(h)
		return r.newRequest(q), nil
	}, nil)
	get := func(f func(q *request) value) func(*realm, *object) value {
		return func(_ *realm, o *object) value {
			if q, ok := o.data.(*request); ok {
				return f(q)
			}
			return nil
		}
	}
	getters(r.requestProto, map[string]func(*realm, *object) value{
		"url":      get(func(q *request) value { return q.url }),
		"method":   get(func(q *request) value { return q.method }),
		"headers":  get(func(q *request) value { return q.headers }),
		"redirect": get(func(*request) value { return "follow" }),
	})
	r.installBody(r.requestProto, "Request")
}

func (r *realm) newRequest(q *request) *object { return &object{proto: r.requestProto, data: q} }

// response is the data of a Response.
type response struct {
	body
	status     int
	statusText string
	headers    *object
}

// noBodyStatus lists the statuses that forbid a body (WHATWG Fetch, section 2.2.3).
func noBodyStatus(status int) bool {
	return status == 101 || status == 204 || status == 205 || status == 304
}

func (r *realm) installResponse() {
	ctor, proto := r.class("Response", func(r *realm, args []value) (*object, error) {
		res := &response{status: 200}
		h := &headers{}
		if init, ok := arg(args, 1).(*object); ok {
			if v := init.get(r, "status"); v != nil {
				res.status = r.toInteger(v)
			}
			if res.status != 101 && (res.status < 200 || res.status > 599) {
				return nil, r.throw("RangeError", "Responses may only be constructed with status codes in the range 200 to 599, inclusive.")
			}
			if v := init.get(r, "statusText"); v != nil {
				res.statusText = r.toString(v)
			}
			if init.get(r, "webSocket") != nil {
				return nil, r.throw("Error", "%sa Response with a webSocket is not supported", refusalPrefix)
			}
			if err := r.fillHeaders(h, init.get(r, "headers")); err != nil {
				return nil, err
			}
		}
		if !isNullish(arg(args, 0)) && noBodyStatus(res.status) {
			return nil, r.throwType("Response with null body status (101, 204, 205, or 304) cannot have a body.")
		}
		var err error
		if res.body, err = r.extractBody(arg(args, 0)); err != nil {
			return nil, err
		}
		if res.contentType != "" && h.find("content-type") == nil {
			h.add("content-type", res.contentType)
		}
		res.headers = r.newHeaders(h)
		return &object{proto: r.responseProto, data: res}, nil
	}, nil)
	r.responseProto = proto
	get := func(f func(res *response) value) func(*realm, *object) value {
		return func(_ *realm, o *object) value {
			if res, ok := o.data.(*response); ok {
				return f(res)
			}
			return nil
		}
	}
	getters(proto, map[string]func(*realm, *object) value{
		"status":     get(func(res *response) value { return float64(res.status) }),
		"statusText": get(func(res *response) value { return res.statusText }),
		"headers":    get(func(res *response) value { return res.headers }),
		"ok":         get(func(res *response) value { return res.status >= 200 && res.status <= 299 }),
		"redirected": get(func(*response) value { return false }),
		"url":        get(func(*response) value { return "" }),
		"type":       get(func(*response) value { return "default" }),
	})
	r.installBody(proto, "Response")
	r.refuseMethods(ctor, "Response", "json", "redirect", "error")
}
