package worker

import (
	"fmt"
	"unsafe"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
)

//go:wasmimport hubbub storage_get
//go:noescape
func storageGet(key unsafe.Pointer, keyLen uint32, buf unsafe.Pointer, bufCap uint32) int32

//go:wasmimport hubbub storage_put
//go:noescape
func storagePut(key unsafe.Pointer, keyLen uint32, value unsafe.Pointer, valueLen uint32) int32

//go:wasmimport hubbub storage_delete
//go:noescape
func storageDelete(key unsafe.Pointer, keyLen uint32) int32

//go:wasmimport hubbub storage_list
//go:noescape
func storageList(opts unsafe.Pointer, optsLen uint32, buf unsafe.Pointer, bufCap uint32) int32

//go:wasmimport hubbub last_error
//go:noescape
func lastError(buf unsafe.Pointer, bufCap uint32) int32

//go:wasmimport hubbub random
//go:noescape
func random(buf unsafe.Pointer, bufLen uint32)

// host is the engine's host: the imports.
type host struct{}

var _ actor.Host = host{}

func ptr[T string | []byte](v T) (unsafe.Pointer, uint32) {
	switch v := any(v).(type) {
	case string:
		return unsafe.Pointer(unsafe.StringData(v)), uint32(len(v))
	case []byte:
		return unsafe.Pointer(unsafe.SliceData(v)), uint32(len(v))
	}
	panic("unreachable")
}

// firstGet is the room for a value at the first try; a longer one costs a second call.
const firstGet = 1024

func (host) Get(key string) ([]byte, bool, error) {
	k, kn := ptr(key)
	for buf := make([]byte, firstGet); ; {
		b, bn := ptr(buf)
		switch n := storageGet(k, kn, b, bn); {
		case n == abi.Absent:
			return nil, false, nil
		case n < 0:
			return nil, false, failure("get", key)
		case int(n) <= len(buf):
			return buf[:n:n], true, nil
		default:
			buf = make([]byte, n)
		}
	}
}

func (host) Put(key string, value []byte) error {
	k, kn := ptr(key)
	v, vn := ptr(value)
	if storagePut(k, kn, v, vn) < 0 {
		return failure("put", key)
	}
	return nil
}

func (host) Delete(key string) (bool, error) {
	k, kn := ptr(key)
	n := storageDelete(k, kn)
	if n < 0 {
		return false, failure("delete", key)
	}
	return n == 1, nil
}

// List asks for page after page. Each begins behind the last key of the one before, or, in reverse, ends before it.
func (host) List(opts actor.ListOptions, yield func(string, []byte) bool) error {
	left := opts.Limit
	for size := pageSize(opts.Limit); ; {
		opts.Limit = left
		o, on := ptr(abi.AppendList(nil, opts))
		page := make([]byte, size)
		b, bn := ptr(page)
		n := storageList(o, on, b, bn)
		if n < 0 {
			return failure("list", opts.Prefix)
		}
		if int(n) > len(page) {
			size = int(n)
			continue
		}
		stopped := false
		more, last, err := abi.DecodePage(page[:n], func(key string, value []byte) bool {
			left--
			stopped = !yield(key, append([]byte(nil), value...))
			return !stopped
		})
		if err != nil {
			return err
		}
		if stopped || !more {
			return nil
		}
		if opts.Reverse {
			opts.End = last
		} else {
			opts.Start, opts.StartAfter = "", last
		}
	}
}

// pageSize is small for a listing of few entries, as waking a hub's log takes.
func pageSize(limit int) int {
	if limit > 0 && limit <= 4 {
		return limit * firstGet
	}
	return abi.MaxPage
}

func (host) Random(p []byte) {
	b, bn := ptr(p)
	random(b, bn)
}

func failure(op, key string) error {
	text := make([]byte, 512)
	b, bn := ptr(text)
	n := min(int(lastError(b, bn)), len(text))
	return fmt.Errorf("%w: %s %q: %s", actor.ErrStorage, op, key, text[:max(0, n)])
}
