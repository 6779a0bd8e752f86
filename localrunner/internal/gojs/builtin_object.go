package gojs

import (
	"slices"
)

// installObject makes Object and what all objects and functions inherit.
func (r *realm) installObject() {
	// class makes a new prototype; that of Object and Function have been there before.
	ctor, _ := r.class("Object", func(r *realm, args []value) (*object, error) {
		if o, ok := arg(args, 0).(*object); ok {
			return o, nil
		}
		return r.newObject(), nil
	}, nil)
	ctor.props.add(property{key: "prototype", val: r.objectProto, hidden: true})
	r.objectProto.props.add(property{key: "constructor", val: ctor, hidden: true})
	ctor.fn.call = func(r *realm, _ value, args []value) (value, error) { return ctor.fn.construct(r, args) }
	r.methods(r.objectProto, map[string]nativeFunc{
		"toString": func(_ *realm, this value, _ []value) (value, error) {
			if o, ok := this.(*object); ok && o.fn != nil {
				return "function " + o.fn.name + "() { [native code] }", nil
			}
			return "[object Object]", nil
		},
		"valueOf": func(_ *realm, this value, _ []value) (value, error) { return this, nil },
		"hasOwnProperty": func(r *realm, this value, args []value) (value, error) {
			o, ok := this.(*object)
			if !ok {
				return false, nil
			}
			key := r.toString(arg(args, 0))
			return o.props.find(key) != nil || slices.Contains(o.keys(), key), nil
		},
	})
	r.methods(ctor, map[string]nativeFunc{
		"keys": func(r *realm, _ value, args []value) (value, error) {
			return r.ownList(args, func(_ *object, key string) value { return key })
		},
		"values": func(r *realm, _ value, args []value) (value, error) {
			return r.ownList(args, func(o *object, key string) value { return o.get(r, key) })
		},
		"entries": func(r *realm, _ value, args []value) (value, error) {
			return r.ownList(args, func(o *object, key string) value {
				return r.newArray([]value{key, o.get(r, key)})
			})
		},
		"assign": func(r *realm, _ value, args []value) (value, error) {
			target, ok := arg(args, 0).(*object)
			if !ok {
				return nil, r.throwType("Cannot convert undefined or null to object")
			}
			for _, source := range args[1:] {
				if o, ok := source.(*object); ok {
					for _, key := range o.keys() {
						target.set(r, key, o.get(r, key))
					}
				}
			}
			return target, nil
		},
		"fromEntries": func(r *realm, _ value, args []value) (value, error) {
			items, err := r.iterate(arg(args, 0))
			if err != nil {
				return nil, err
			}
			o := r.newObject()
			for _, item := range items {
				pair, ok := item.(*object)
				if !ok {
					return nil, r.throwType("Iterator value %s is not an entry object", r.describe(item))
				}
				o.set(r, r.toString(pair.at(r, 0)), pair.at(r, 1))
			}
			return o, nil
		},
	})
	r.refuseMethods(ctor, "Object", "create", "defineProperty", "freeze", "getPrototypeOf", "setPrototypeOf")

	function, _ := r.class("Function", func(r *realm, _ []value) (*object, error) {
		return nil, r.throw("EvalError", "%snew Function is not supported", refusalPrefix)
	}, nil)
	function.props.add(property{key: "prototype", val: r.functionProto, hidden: true})
	r.methods(r.functionProto, map[string]nativeFunc{
		"call": func(r *realm, this value, args []value) (value, error) {
			return r.call(this, arg(args, 0), args[min(1, len(args)):])
		},
		"apply": func(r *realm, this value, args []value) (value, error) {
			var list []value
			if !isNullish(arg(args, 1)) {
				var err error
				if list, err = r.iterate(args[1]); err != nil {
					return nil, err
				}
			}
			return r.call(this, arg(args, 0), list)
		},
		"bind": func(r *realm, this value, args []value) (value, error) {
			bound := slices.Clone(args[min(1, len(args)):])
			to := arg(args, 0)
			return r.newFunction("bound "+r.describe(this), func(r *realm, _ value, more []value) (value, error) {
				return r.call(this, to, append(slices.Clone(bound), more...))
			}), nil
		},
	})
	r.global.proto = r.objectProto
}

func (r *realm) ownList(args []value, item func(o *object, key string) value) (value, error) {
	if isNullish(arg(args, 0)) {
		return nil, r.throwType("Cannot convert undefined or null to object")
	}
	o, ok := args[0].(*object)
	if !ok {
		return r.newArray(nil), nil
	}
	keys := o.keys()
	items := make([]value, len(keys))
	for i, key := range keys {
		items[i] = item(o, key)
	}
	return r.newArray(items), nil
}

// installErrors makes Error and its usual subclasses.
func (r *realm) installErrors() {
	r.errorProtos = make(map[string]*object)
	var parent *object
	for _, name := range []string{"Error", "TypeError", "RangeError", "SyntaxError", "ReferenceError", "EvalError", "AbortError"} {
		make := func(r *realm, args []value) (*object, error) {
			msg := ""
			if arg(args, 0) != nil {
				msg = r.toString(args[0])
			}
			e := r.newError(name, msg)
			if opts, ok := arg(args, 1).(*object); ok {
				if cause := opts.get(r, "cause"); cause != nil {
					e.props.add(property{key: "cause", val: cause, hidden: true})
				}
			}
			return e, nil
		}
		ctor, proto := r.class(name, make, parent)
		ctor.fn.call = func(r *realm, _ value, args []value) (value, error) { return make(r, args) }
		proto.props.add(property{key: "name", val: name, hidden: true})
		proto.props.add(property{key: "message", val: "", hidden: true})
		r.errorProtos[name] = proto
		if parent == nil {
			parent = proto
			r.methods(proto, map[string]nativeFunc{"toString": errorToString})
			getters(proto, map[string]func(*realm, *object) value{
				"stack": func(r *realm, o *object) value { return r.toString(o) },
			})
		}
	}
}

func (r *realm) newError(class, msg string) *object {
	e := &object{proto: r.errorProtos[class]}
	e.props.add(property{key: "message", val: msg, hidden: true})
	return e
}

func errorToString(r *realm, this value, _ []value) (value, error) {
	o, ok := this.(*object)
	if !ok {
		return nil, r.throwType("Error.prototype.toString requires that 'this' be an object")
	}
	name, msg := r.toString(o.get(r, "name")), r.toString(o.get(r, "message"))
	switch {
	case name == "":
		return msg, nil
	case msg == "":
		return name, nil
	}
	return name + ": " + msg, nil
}
