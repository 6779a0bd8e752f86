package gojs

import (
	"slices"
	"strings"
)

// array is the data of an Array.
type array struct{ items []value }

// maxLength bounds arrays and buffers: a program that asks for more than an isolate may have gets a RangeError.
const maxLength = 256 << 20

func (a *array) length() int    { return len(a.items) }
func (a *array) at(i int) value { return a.items[i] }

func (a *array) setAt(_ *realm, i int, v value) {
	switch {
	case i < len(a.items):
		a.items[i] = v
	case i < maxLength/16:
		a.items = append(a.items, make([]value, i+1-len(a.items))...)
		a.items[i] = v
	}
}

func (r *realm) newArray(items []value) *object {
	return &object{proto: r.arrayProto, data: &array{items: items}}
}

// list is an iterator over values that are known when it is made.
type list struct{ items []value }

func (r *realm) newIterator(items []value) *object {
	return &object{proto: r.iteratorProto, data: &list{items: items}}
}

// iterate is [...v], for what the host knows how to iterate or index.
func (r *realm) iterate(v value) ([]value, error) {
	switch v := v.(type) {
	case string:
		items := make([]value, 0, len(v))
		for _, c := range v {
			items = append(items, string(c))
		}
		return items, nil
	case *object:
		switch d := v.data.(type) {
		case *list:
			items := d.items
			d.items = nil
			return items, nil
		case *headers:
			return d.entries(r), nil
		case indexed:
			items := make([]value, d.length())
			for i := range items {
				items[i] = d.at(i)
			}
			return items, nil
		}
		// An array-like, or an iterator of the program's own.
		if n := v.get(r, "length"); n != nil {
			items := make([]value, max(0, min(r.toInteger(n), maxLength/16)))
			for i := range items {
				items[i] = v.at(r, i)
			}
			return items, nil
		}
	}
	return nil, r.throwType("%s is not iterable", r.describe(v))
}

func (r *realm) installArray() {
	iterator := &object{proto: r.objectProto}
	r.iteratorProto = iterator
	r.methods(iterator, map[string]nativeFunc{
		"next": func(r *realm, this value, _ []value) (value, error) {
			l, err := dataOf[*list](r, this, "Iterator.next")
			if err != nil {
				return nil, err
			}
			if len(l.items) == 0 {
				return r.newRecord("value", nil, "done", true), nil
			}
			v := l.items[0]
			l.items = l.items[1:]
			return r.newRecord("value", v, "done", false), nil
		},
	})

	construct := func(r *realm, args []value) (*object, error) {
		n, ok := arg(args, 0).(float64)
		if !ok || len(args) != 1 {
			return r.newArray(slices.Clone(args)), nil
		}
		if n < 0 || n != float64(int(n)) || n > maxLength/16 {
			return nil, r.throw("RangeError", "Invalid array length")
		}
		return r.newArray(make([]value, int(n))), nil
	}
	ctor, proto := r.class("Array", construct, nil)
	ctor.fn.call = func(r *realm, _ value, args []value) (value, error) { return construct(r, args) }
	r.arrayProto = proto
	r.methods(ctor, map[string]nativeFunc{
		"from": func(r *realm, _ value, args []value) (value, error) {
			if arg(args, 1) != nil {
				return nil, r.throw("Error", "%sArray.from with a map function is not supported", refusalPrefix)
			}
			items, err := r.iterate(arg(args, 0))
			if err != nil {
				return nil, err
			}
			return r.newArray(items), nil
		},
		"isArray": func(_ *realm, _ value, args []value) (value, error) {
			o, ok := arg(args, 0).(*object)
			if !ok {
				return false, nil
			}
			_, ok = o.data.(*array)
			return ok, nil
		},
		"of": func(r *realm, _ value, args []value) (value, error) { return r.newArray(slices.Clone(args)), nil },
	})
	r.methods(proto, arrayMethods)
	r.refuseMethods(proto, "Array", "map", "filter", "reduce", "sort", "splice", "find", "some", "every", "flat",
		"entries", "reverse", "fill")
}

var arrayMethods = map[string]nativeFunc{
	"push": onArray("push", func(_ *realm, a *array, args []value) (value, error) {
		a.items = append(a.items, args...)
		return float64(len(a.items)), nil
	}),
	"pop": onArray("pop", func(_ *realm, a *array, _ []value) (value, error) {
		if len(a.items) == 0 {
			return nil, nil
		}
		v := a.items[len(a.items)-1]
		a.items = a.items[:len(a.items)-1]
		return v, nil
	}),
	"shift": onArray("shift", func(_ *realm, a *array, _ []value) (value, error) {
		if len(a.items) == 0 {
			return nil, nil
		}
		v := a.items[0]
		a.items = slices.Delete(a.items, 0, 1)
		return v, nil
	}),
	"unshift": onArray("unshift", func(_ *realm, a *array, args []value) (value, error) {
		a.items = slices.Insert(a.items, 0, args...)
		return float64(len(a.items)), nil
	}),
	"slice": onArray("slice", func(r *realm, a *array, args []value) (value, error) {
		from, to := r.span(args, len(a.items))
		return r.newArray(slices.Clone(a.items[from:to])), nil
	}),
	"concat": onArray("concat", func(r *realm, a *array, args []value) (value, error) {
		items := slices.Clone(a.items)
		for _, v := range args {
			if o, ok := v.(*object); ok {
				if b, ok := o.data.(*array); ok {
					items = append(items, b.items...)
					continue
				}
			}
			items = append(items, v)
		}
		return r.newArray(items), nil
	}),
	"indexOf": onArray("indexOf", func(_ *realm, a *array, args []value) (value, error) {
		return float64(slices.Index(a.items, arg(args, 0))), nil
	}),
	"includes": onArray("includes", func(_ *realm, a *array, args []value) (value, error) {
		return slices.Contains(a.items, arg(args, 0)), nil
	}),
	"forEach": onArray("forEach", func(r *realm, a *array, args []value) (value, error) {
		for i := 0; i < len(a.items); i++ {
			if _, err := r.call(arg(args, 0), nil, []value{a.items[i], float64(i)}); err != nil {
				return nil, err
			}
		}
		return nil, nil
	}),
	"join": onArray("join", func(r *realm, a *array, args []value) (value, error) {
		sep := ","
		if arg(args, 0) != nil {
			sep = r.toString(args[0])
		}
		return a.join(r, sep), nil
	}),
	"toString": onArray("toString", func(r *realm, a *array, _ []value) (value, error) {
		return a.join(r, ","), nil
	}),
}

func onArray(name string, f func(r *realm, a *array, args []value) (value, error)) nativeFunc {
	return func(r *realm, this value, args []value) (value, error) {
		a, err := dataOf[*array](r, this, "Array."+name)
		if err != nil {
			return nil, err
		}
		return f(r, a, args)
	}
}

func (a *array) join(r *realm, sep string) string {
	parts := make([]string, len(a.items))
	for i, v := range a.items {
		if !isNullish(v) {
			parts[i] = r.toString(v)
		}
	}
	return strings.Join(parts, sep)
}

// span reads the arguments (start, end) of slice and subarray against a length.
func (r *realm) span(args []value, n int) (from, to int) {
	to = n
	from = clampIndex(r.toInteger(arg(args, 0)), n)
	if arg(args, 1) != nil {
		to = clampIndex(r.toInteger(args[1]), n)
	}
	return from, max(from, to)
}

func clampIndex(i, n int) int {
	if i < 0 {
		return max(0, n+i)
	}
	return min(i, n)
}
