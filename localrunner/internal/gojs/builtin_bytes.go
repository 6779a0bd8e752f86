package gojs

import (
	"math"
)

// buffer is the data of an ArrayBuffer. Its size never changes.
type buffer struct {
	bytes []byte
	obj   *object
}

// bytesView is the data of a Uint8Array.
type bytesView struct {
	buf *buffer
	off int
	b   []byte
}

func (v *bytesView) length() int    { return len(v.b) }
func (v *bytesView) at(i int) value { return float64(v.b[i]) }

func (v *bytesView) setAt(r *realm, i int, x value) {
	if i < len(v.b) {
		v.b[i] = r.toByte(x)
	}
}

// toByte is ToUint8.
func (r *realm) toByte(v value) byte {
	f := r.toNumber(v)
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 0
	}
	return byte(int64(math.Mod(math.Trunc(f), 256)))
}

// newBytes makes a Uint8Array of b, without a copy.
func (r *realm) newBytes(b []byte) *object {
	return &object{proto: r.bytesProto, data: &bytesView{buf: &buffer{bytes: b}, b: b}}
}

func (r *realm) newBuffer(b []byte) *object { return r.bufferObject(&buffer{bytes: b}) }

// bufferObject is the one ArrayBuffer object of a buffer.
func (r *realm) bufferObject(b *buffer) *object {
	if b.obj == nil {
		b.obj = &object{proto: r.bufferProto, data: b}
	}
	return b.obj
}

// bytesOf is the content of a Uint8Array or an ArrayBuffer.
func bytesOf(v value) ([]byte, bool) {
	if o, ok := v.(*object); ok {
		switch d := o.data.(type) {
		case *bytesView:
			return d.b, true
		case *buffer:
			return d.bytes, true
		}
	}
	return nil, false
}

func (r *realm) checkLength(f float64, class string) (int, error) {
	if math.IsNaN(f) {
		return 0, nil
	}
	if f < 0 || f > maxLength {
		return 0, r.throw("RangeError", "Invalid %s length: %s", class, numberToString(f))
	}
	return int(f), nil
}

func (r *realm) installBytes() {
	_, r.bufferProto = r.class("ArrayBuffer", func(r *realm, args []value) (*object, error) {
		n, err := r.checkLength(r.toNumber(arg(args, 0)), "ArrayBuffer")
		if err != nil {
			return nil, err
		}
		return r.newBuffer(make([]byte, n)), nil
	}, nil)
	getters(r.bufferProto, map[string]func(*realm, *object) value{
		"byteLength": func(_ *realm, o *object) value {
			if b, ok := o.data.(*buffer); ok {
				return float64(len(b.bytes))
			}
			return nil
		},
	})
	r.methods(r.bufferProto, map[string]nativeFunc{
		"slice": func(r *realm, this value, args []value) (value, error) {
			b, err := dataOf[*buffer](r, this, "ArrayBuffer.slice")
			if err != nil {
				return nil, err
			}
			from, to := r.span(args, len(b.bytes))
			return r.newBuffer(append([]byte(nil), b.bytes[from:to]...)), nil
		},
	})

	ctor, proto := r.class("Uint8Array", constructBytes, nil)
	r.bytesProto = proto
	// Programs only copy bytes in and out of either; what differs, the rounding of single elements, they do not see.
	r.define("Uint8ClampedArray", ctor)
	view := func(f func(r *realm, v *bytesView) value) func(*realm, *object) value {
		return func(r *realm, o *object) value {
			if v, ok := o.data.(*bytesView); ok {
				return f(r, v)
			}
			return nil
		}
	}
	getters(proto, map[string]func(*realm, *object) value{
		"byteLength": view(func(_ *realm, v *bytesView) value { return float64(len(v.b)) }),
		"byteOffset": view(func(_ *realm, v *bytesView) value { return float64(v.off) }),
		"buffer":     view(func(r *realm, v *bytesView) value { return r.bufferObject(v.buf) }),
	})
	r.methods(proto, map[string]nativeFunc{
		"slice": onBytes("slice", func(r *realm, v *bytesView, args []value) (value, error) {
			from, to := r.span(args, len(v.b))
			return r.newBytes(append([]byte(nil), v.b[from:to]...)), nil
		}),
		"subarray": onBytes("subarray", func(r *realm, v *bytesView, args []value) (value, error) {
			from, to := r.span(args, len(v.b))
			return &object{proto: r.bytesProto, data: &bytesView{buf: v.buf, off: v.off + from, b: v.b[from:to:to]}}, nil
		}),
		"set": onBytes("set", func(r *realm, v *bytesView, args []value) (value, error) {
			off := r.toInteger(arg(args, 1))
			items, isBytes := bytesOf(arg(args, 0))
			if !isBytes {
				list, err := r.iterate(arg(args, 0))
				if err != nil {
					return nil, err
				}
				items = r.toBytes(list)
			}
			if off < 0 || off+len(items) > len(v.b) {
				return nil, r.throw("RangeError", "offset is out of bounds")
			}
			copy(v.b[off:], items)
			return nil, nil
		}),
		"fill": onBytes("fill", func(r *realm, v *bytesView, args []value) (value, error) {
			from, to := r.span(args[min(1, len(args)):], len(v.b))
			x := r.toByte(arg(args, 0))
			for i := from; i < to; i++ {
				v.b[i] = x
			}
			return nil, nil
		}),
		"toString": onBytes("toString", func(r *realm, v *bytesView, _ []value) (value, error) {
			items := make([]value, len(v.b))
			for i, b := range v.b {
				items[i] = float64(b)
			}
			return (&array{items: items}).join(r, ","), nil
		}),
	})
	r.refuseMethods(proto, "Uint8Array", "map", "filter", "forEach", "indexOf", "join", "entries")
}

func (r *realm) toBytes(list []value) []byte {
	b := make([]byte, len(list))
	for i, x := range list {
		b[i] = r.toByte(x)
	}
	return b
}

func onBytes(name string, f func(r *realm, v *bytesView, args []value) (value, error)) nativeFunc {
	return func(r *realm, this value, args []value) (value, error) {
		v, err := dataOf[*bytesView](r, this, "Uint8Array."+name)
		if err != nil {
			return nil, err
		}
		return f(r, v, args)
	}
}

// constructBytes is new Uint8Array(length | buffer[, offset[, length]] | array).
func constructBytes(r *realm, args []value) (*object, error) {
	o, ok := arg(args, 0).(*object)
	if !ok {
		n, err := r.checkLength(r.toNumber(arg(args, 0)), "Uint8Array")
		if err != nil {
			return nil, err
		}
		return r.newBytes(make([]byte, n)), nil
	}
	switch d := o.data.(type) {
	case *buffer:
		off := r.toInteger(arg(args, 1))
		n := len(d.bytes) - off
		if arg(args, 2) != nil {
			n = r.toInteger(args[2])
		}
		if off < 0 || n < 0 || off+n > len(d.bytes) {
			return nil, r.throw("RangeError", "Invalid Uint8Array offset or length")
		}
		return &object{proto: r.bytesProto, data: &bytesView{buf: d, off: off, b: d.bytes[off : off+n : off+n]}}, nil
	case *bytesView:
		return r.newBytes(append([]byte(nil), d.b...)), nil
	}
	list, err := r.iterate(o)
	if err != nil {
		return nil, err
	}
	return r.newBytes(r.toBytes(list)), nil
}
