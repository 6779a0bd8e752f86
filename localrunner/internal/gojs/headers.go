package gojs

import (
	"net/http"
	"slices"
	"strings"
)

// headers is the data of a Headers object (WHATWG Fetch, section 5.1): a list of names, in lower case, with their
// values in the order in which they came.
type headers struct{ list []headerField }

type headerField struct {
	name   string
	values []string
}

func (h *headers) find(name string) *headerField {
	for i := range h.list {
		if h.list[i].name == name {
			return &h.list[i]
		}
	}
	return nil
}

func (h *headers) add(name, v string) {
	if f := h.find(name); f != nil {
		f.values = append(f.values, v)
		return
	}
	h.list = append(h.list, headerField{name, []string{v}})
}

func (h *headers) remove(name string) {
	h.list = slices.DeleteFunc(h.list, func(f headerField) bool { return f.name == name })
}

func (h *headers) get(name string) (string, bool) {
	f := h.find(name)
	if f == nil {
		return "", false
	}
	return strings.Join(f.values, ", "), true
}

// pairs are the entries in iteration order: sorted, one per name, but one per value for Set-Cookie.
func (h *headers) pairs() [][2]string {
	sorted := slices.SortedFunc(slices.Values(h.list), func(a, b headerField) int { return strings.Compare(a.name, b.name) })
	pairs := make([][2]string, 0, len(sorted))
	for _, f := range sorted {
		if f.name == "set-cookie" {
			for _, v := range f.values {
				pairs = append(pairs, [2]string{f.name, v})
			}
			continue
		}
		pairs = append(pairs, [2]string{f.name, strings.Join(f.values, ", ")})
	}
	return pairs
}

func (h *headers) entries(r *realm) []value {
	var items []value
	for _, p := range h.pairs() {
		items = append(items, r.newArray([]value{p[0], p[1]}))
	}
	return items
}

func (r *realm) newHeaders(h *headers) *object { return &object{proto: r.headersProto, data: h} }

// fromHTTP takes over the fields of a Go header.
func (h *headers) fromHTTP(from http.Header) {
	for name, values := range from {
		name = strings.ToLower(name)
		for _, v := range values {
			h.add(name, v)
		}
	}
}

// isToken reports whether s is a token of RFC 9110, section 5.6.2, as header names and methods are.
func isToken(s string) bool {
	for i := range len(s) {
		c := s[i]
		alnum := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !alnum && strings.IndexByte("!#$%&'*+-.^_`|~", c) < 0 {
			return false
		}
	}
	return s != ""
}

// headerName checks and lowers a name.
func (r *realm) headerName(v value) (string, error) {
	name := r.toString(v)
	if !isToken(name) {
		return "", r.throwType("Invalid header name: %q", name)
	}
	return strings.ToLower(name), nil
}

// headerValue trims and checks a value.
func (r *realm) headerValue(v value) (string, error) {
	s := strings.Trim(r.toString(v), " \t\r\n")
	if strings.ContainsAny(s, "\r\n\x00") {
		return "", r.throwType("Invalid header value: %q", s)
	}
	return s, nil
}

// fill is the Headers(init) of a constructor.
func (r *realm) fillHeaders(h *headers, init value) error {
	o, ok := init.(*object)
	if !ok {
		if isNullish(init) {
			return nil
		}
		return r.throwType("Headers: the initializer is neither a sequence nor a record")
	}
	add := func(k, v value) error {
		name, err := r.headerName(k)
		if err != nil {
			return err
		}
		val, err := r.headerValue(v)
		if err != nil {
			return err
		}
		h.add(name, val)
		return nil
	}
	switch d := o.data.(type) {
	case *headers:
		for _, f := range d.list {
			for _, v := range f.values {
				h.add(f.name, v)
			}
		}
	case *array:
		for _, item := range d.items {
			pair, ok := item.(*object)
			if !ok {
				return r.throwType("Headers: the initializer holds an item that is not a pair")
			}
			if err := add(pair.at(r, 0), pair.at(r, 1)); err != nil {
				return err
			}
		}
	default:
		for _, key := range o.keys() {
			if err := add(key, o.get(r, key)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *realm) installHeaders() {
	_, r.headersProto = r.class("Headers", func(r *realm, args []value) (*object, error) {
		h := &headers{}
		if err := r.fillHeaders(h, arg(args, 0)); err != nil {
			return nil, err
		}
		return r.newHeaders(h), nil
	}, nil)
	named := func(method string, f func(h *headers, name string, v value) (value, error)) nativeFunc {
		return func(r *realm, this value, args []value) (value, error) {
			h, err := dataOf[*headers](r, this, "Headers."+method)
			if err != nil {
				return nil, err
			}
			name, err := r.headerName(arg(args, 0))
			if err != nil {
				return nil, err
			}
			return f(h, name, arg(args, 1))
		}
	}
	listed := func(method string, item func(r *realm, p [2]string) value) nativeFunc {
		return func(r *realm, this value, _ []value) (value, error) {
			h, err := dataOf[*headers](r, this, "Headers."+method)
			if err != nil {
				return nil, err
			}
			pairs := h.pairs()
			items := make([]value, len(pairs))
			for i, p := range pairs {
				items[i] = item(r, p)
			}
			return r.newIterator(items), nil
		}
	}
	r.methods(r.headersProto, map[string]nativeFunc{
		"append": named("append", func(h *headers, name string, v value) (value, error) {
			s, err := r.headerValue(v)
			if err == nil {
				h.add(name, s)
			}
			return nil, err
		}),
		"set": named("set", func(h *headers, name string, v value) (value, error) {
			s, err := r.headerValue(v)
			if err == nil {
				h.remove(name)
				h.add(name, s)
			}
			return nil, err
		}),
		"get": named("get", func(h *headers, name string, _ value) (value, error) {
			if s, ok := h.get(name); ok {
				return s, nil
			}
			return null, nil
		}),
		"has": named("has", func(h *headers, name string, _ value) (value, error) { return h.find(name) != nil, nil }),
		"delete": named("delete", func(h *headers, name string, _ value) (value, error) {
			h.remove(name)
			return nil, nil
		}),
		"entries": listed("entries", func(r *realm, p [2]string) value { return r.newArray([]value{p[0], p[1]}) }),
		"keys":    listed("keys", func(_ *realm, p [2]string) value { return p[0] }),
		"values":  listed("values", func(_ *realm, p [2]string) value { return p[1] }),
		"getSetCookie": func(r *realm, this value, _ []value) (value, error) {
			h, err := dataOf[*headers](r, this, "Headers.getSetCookie")
			if err != nil {
				return nil, err
			}
			var items []value
			if f := h.find("set-cookie"); f != nil {
				for _, v := range f.values {
					items = append(items, v)
				}
			}
			return r.newArray(items), nil
		},
		"forEach": func(r *realm, this value, args []value) (value, error) {
			h, err := dataOf[*headers](r, this, "Headers.forEach")
			if err != nil {
				return nil, err
			}
			for _, p := range h.pairs() {
				if _, err := r.call(arg(args, 0), nil, []value{p[1], p[0], this}); err != nil {
					return nil, err
				}
			}
			return nil, nil
		},
	})
}
