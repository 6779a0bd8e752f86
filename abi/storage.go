package abi

import (
	"encoding/binary"

	"github.com/hubbub-edge/hubbub/actor"
)

// AppendList appends opts as options of [ImportStorageList]: bytes prefix, start, startAfter and end, each empty when
// not set, u8 reverse, u32 limit.
func AppendList(dst []byte, opts actor.ListOptions) []byte {
	dst = appendBytes(dst, opts.Prefix)
	dst = appendBytes(dst, opts.Start)
	dst = appendBytes(dst, opts.StartAfter)
	dst = appendBytes(dst, opts.End)
	dst = appendBool(dst, opts.Reverse)
	return binary.LittleEndian.AppendUint32(dst, uint32(opts.Limit))
}

// DecodeList reads what [AppendList] has written. It keeps nothing of b. It fails with [ErrMalformed].
func DecodeList(b []byte) (actor.ListOptions, error) {
	r := &reader{b: b}
	opts := actor.ListOptions{
		Prefix:     r.string(),
		Start:      r.string(),
		StartAfter: r.string(),
		End:        r.string(),
		Reverse:    r.bool(),
		Limit:      int(r.u32()),
	}
	return opts, r.end()
}

// Page is a page of entries under construction: u8 whether there are more, then the entries, each bytes key and bytes
// value.
type Page struct{ b []byte }

// NewPage returns an empty page that will have at most limit bytes.
func NewPage(limit int) *Page { return &Page{make([]byte, 1, max(1, limit))} }

// Add adds an entry, and reports whether there was room. The first entry finds room always: the page is then longer
// than its limit. Once there was none, nothing more may be added.
func (p *Page) Add(key string, value []byte) bool {
	if need := len(p.b) + 8 + len(key) + len(value); need > cap(p.b) && len(p.b) > 1 {
		p.b[0] = 1
		return false
	}
	p.b = appendBytes(appendBytes(p.b, key), value)
	return true
}

// Bytes returns the page.
func (p *Page) Bytes() []byte { return p.b }

// DecodePage calls yield for each entry of a page until it returns false, and returns whether there are entries behind
// the page's last, and that entry's key. Values are slices of b. It fails with [ErrMalformed].
func DecodePage(b []byte, yield func(key string, value []byte) bool) (more bool, last string, err error) {
	r := &reader{b: b}
	more = r.bool()
	for len(r.b) > 0 {
		key, value := r.string(), r.bytes()
		if r.err != nil {
			return false, "", r.err
		}
		if last = key; !yield(key, value) {
			return false, last, nil
		}
	}
	if more && last == "" {
		r.fail("a page without entries before more")
	}
	return more, last, r.err
}
