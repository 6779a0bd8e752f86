package gojs

import (
	"fmt"
	"io"
	"time"
)

// realm is the world of objects of one instance. All of it belongs to the instance's goroutine.
type realm struct {
	global *object

	objectProto, functionProto, arrayProto, iteratorProto *object
	bytesProto, bufferProto, dateProto, promiseProto      *object
	headersProto, requestProto, responseProto             *object
	streamProto, controllerProto, readerProto             *object
	errorProtos                                           map[string]*object

	micro     []func()
	microHead int
	rejected  []*promise // rejected and not yet handled
	silent    bool       // the program has ended: its rejections are its end's consequence
	depth     int
	intervals map[int]func() bool // timers of setTimeout and setInterval
	nextTimer int

	clock          Clock
	started        time.Time
	rand           io.Reader
	stdout, stderr io.Writer
	// post runs f on the instance's goroutine, as an event of its own.
	post func(f func())
}

func newRealm(cfg *Config, stderr io.Writer, post func(func())) *realm {
	r := &realm{
		clock: cfg.Clock, started: cfg.Clock.Now(), rand: cfg.Rand,
		stdout: cfg.Stdout, stderr: stderr, post: post,
		intervals: make(map[int]func() bool),
	}
	r.objectProto = &object{}
	r.functionProto = r.newObject()
	r.global = r.newObject()
	r.installObject()
	r.installErrors()
	r.installArray()
	r.installBytes()
	r.installPromise()
	r.installStream()
	r.installHeaders()
	r.installRequest()
	r.installResponse()
	r.installDate()
	r.installConsole()
	r.installNode()
	r.installTimers()
	r.installRefusals()
	r.global.props.add(property{key: "globalThis", val: r.global, hidden: true})
	r.global.props.add(property{key: "self", val: r.global, hidden: true})
	return r
}

func (r *realm) newObject() *object { return &object{proto: r.objectProto} }

// newRecord makes a plain object of keys and values in turn.
func (r *realm) newRecord(pairs ...any) *object {
	o := r.newObject()
	o.props.list = make([]property, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		o.props.add(property{key: pairs[i].(string), val: pairs[i+1]})
	}
	return o
}

func (r *realm) newFunction(name string, call nativeFunc) *object {
	return &object{proto: r.functionProto, fn: &function{name: name, call: call}}
}

// methods adds functions to o. They are not enumerable, as the methods of a class are not.
func (r *realm) methods(o *object, fns map[string]nativeFunc) {
	for name, call := range fns {
		o.props.add(property{key: name, val: r.newFunction(name, call), hidden: true})
	}
}

// getters adds read-only accessors to o.
func getters(o *object, get map[string]func(r *realm, o *object) value) {
	for name, f := range get {
		o.props.add(property{key: name, get: f, hidden: true})
	}
}

// class makes a constructor, its prototype, and the global that names it. A nil construct makes one that the program
// cannot call, like ReadableStreamDefaultController.
func (r *realm) class(name string, construct constructor, parent *object) (ctor, proto *object) {
	if parent == nil {
		parent = r.objectProto
	}
	proto = &object{proto: parent}
	if construct == nil {
		construct = func(r *realm, _ []value) (*object, error) { return nil, r.throwType("Illegal constructor") }
	}
	ctor = r.newFunction(name, func(r *realm, _ value, _ []value) (value, error) {
		return nil, r.throwType("Class constructor %s cannot be invoked without 'new'", name)
	})
	ctor.fn.construct = construct
	ctor.props.add(property{key: "prototype", val: proto, hidden: true})
	ctor.props.add(property{key: "name", val: name, hidden: true})
	proto.props.add(property{key: "constructor", val: ctor, hidden: true})
	r.define(name, ctor)
	return ctor, proto
}

func (r *realm) define(name string, v value) {
	r.global.props.add(property{key: name, val: v, hidden: true})
}

// dataOf is the host's data of type T behind this, or a TypeError that names the method.
func dataOf[T any](r *realm, this value, method string) (T, error) {
	if o, ok := this.(*object); ok {
		if d, ok := o.data.(T); ok {
			return d, nil
		}
	}
	var none T
	return none, r.throwType("%s: illegal invocation", method)
}

// microtask runs f after the current entry into the program has returned.
func (r *realm) microtask(f func()) { r.micro = append(r.micro, f) }

// due reports whether drain has something to do.
func (r *realm) due() bool { return r.microHead < len(r.micro) || len(r.rejected) > 0 }

// drain runs microtasks until there are none, and then reports rejections that nobody handles. A panic may leave it at
// any call; it can then be called again.
func (r *realm) drain() {
	for r.microHead < len(r.micro) {
		f := r.micro[r.microHead]
		r.micro[r.microHead] = nil
		r.microHead++
		if r.microHead >= 1024 { // a chain that feeds itself must not grow the queue without end
			r.micro = append(r.micro[:0], r.micro[r.microHead:]...)
			r.microHead = 0
		}
		f()
	}
	r.micro, r.microHead = r.micro[:0], 0
	unhandled := r.rejected
	r.rejected = nil
	for _, p := range unhandled {
		if !p.handled && !r.silent {
			fmt.Fprintf(r.stderr, "Uncaught (in promise) %s\n", r.toString(p.val))
		}
	}
}

// nowMillis is Date.now().
func (r *realm) nowMillis() float64 { return float64(r.clock.Now().UnixMilli()) }
