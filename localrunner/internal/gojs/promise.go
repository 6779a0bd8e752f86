package gojs

// promise is the data of a Promise (ECMA-262, section 27.2).
type promise struct {
	state   promiseState
	handled bool
	val     value
	ok      []func(value)
	fail    []func(value)
}

type promiseState uint8

const (
	pending promiseState = iota
	fulfilled
	rejected
)

func (r *realm) newPromise() (*object, *promise) {
	p := &promise{}
	return &object{proto: r.promiseProto, data: p}, p
}

// resolve settles p with v, or binds it to v when v is a thenable. It has no effect on a settled promise; a promise
// that is already bound is protected by its resolving functions.
func (p *promise) resolve(r *realm, v value) {
	o, ok := v.(*object)
	if !ok {
		p.settle(r, fulfilled, v)
		return
	}
	if inner, ok := o.data.(*promise); ok {
		if inner == p {
			p.settle(r, rejected, r.newError("TypeError", "Chaining cycle detected for promise #<Promise>"))
			return
		}
		r.microtask(func() {
			inner.then(r, func(v value) { p.settle(r, fulfilled, v) }, func(v value) { p.settle(r, rejected, v) })
		})
		return
	}
	then, ok := o.get(r, "then").(*object)
	if !ok || then.fn == nil {
		p.settle(r, fulfilled, v)
		return
	}
	r.microtask(func() {
		res, rej := r.resolvers(p)
		if _, err := r.call(then, o, []value{res, rej}); err != nil {
			_, _ = r.call(rej, nil, []value{r.thrownValue(err)})
		}
	})
}

func (p *promise) reject(r *realm, v value) { p.settle(r, rejected, v) }

func (p *promise) settle(r *realm, state promiseState, v value) {
	if p.state != pending {
		return
	}
	p.state, p.val = state, v
	reactions := p.ok
	if state == rejected {
		reactions = p.fail
		if !p.handled {
			r.rejected = append(r.rejected, p)
		}
	}
	p.ok, p.fail = nil, nil
	for _, f := range reactions {
		r.microtask(func() { f(v) })
	}
}

// then calls one of the two, as a microtask, once p is settled.
func (p *promise) then(r *realm, ok, fail func(value)) {
	p.handled = true
	switch p.state {
	case pending:
		p.ok, p.fail = append(p.ok, ok), append(p.fail, fail)
	case fulfilled:
		r.microtask(func() { ok(p.val) })
	case rejected:
		r.microtask(func() { fail(p.val) })
	}
}

// resolvers are the two functions that a Promise constructor hands out: only the first call of either counts.
func (r *realm) resolvers(p *promise) (resolve, reject *object) {
	used := false
	resolve = r.newFunction("resolve", func(r *realm, _ value, args []value) (value, error) {
		if !used {
			used = true
			p.resolve(r, arg(args, 0))
		}
		return nil, nil
	})
	reject = r.newFunction("reject", func(r *realm, _ value, args []value) (value, error) {
		if !used {
			used = true
			p.reject(r, arg(args, 0))
		}
		return nil, nil
	})
	return resolve, reject
}

// promiseFor is Promise.resolve(v), without the object.
func (r *realm) promiseFor(v value) *promise {
	if o, ok := v.(*object); ok {
		if p, ok := o.data.(*promise); ok {
			return p
		}
	}
	_, p := r.newPromise()
	p.resolve(r, v)
	return p
}

// promiseOf is the settled promise of a call.
func (r *realm) promiseOf(v value, err error) *object {
	o, p := r.newPromise()
	if err != nil {
		p.reject(r, r.thrownValue(err))
	} else {
		p.resolve(r, v)
	}
	return o
}

// chain is then with functions of the program.
func (p *promise) chain(r *realm, onOK, onFail value) *object {
	next, np := r.newPromise()
	react := func(f value, otherwise func(*realm, value)) func(value) {
		if o, ok := f.(*object); !ok || o.fn == nil {
			return func(v value) { otherwise(r, v) }
		}
		return func(v value) {
			res, err := r.call(f, nil, []value{v})
			if err != nil {
				np.reject(r, r.thrownValue(err))
				return
			}
			np.resolve(r, res)
		}
	}
	p.then(r, react(onOK, np.resolve), react(onFail, np.reject))
	return next
}

func (r *realm) installPromise() {
	ctor, proto := r.class("Promise", func(r *realm, args []value) (*object, error) {
		executor := arg(args, 0)
		if o, ok := executor.(*object); !ok || o.fn == nil {
			return nil, r.throwType("Promise resolver %s is not a function", r.describe(executor))
		}
		o, p := r.newPromise()
		resolve, reject := r.resolvers(p)
		if _, err := r.call(executor, nil, []value{resolve, reject}); err != nil {
			_, _ = r.call(reject, nil, []value{r.thrownValue(err)})
		}
		return o, nil
	}, nil)
	r.promiseProto = proto
	r.methods(proto, map[string]nativeFunc{
		"then": func(r *realm, this value, args []value) (value, error) {
			p, err := dataOf[*promise](r, this, "Promise.then")
			if err != nil {
				return nil, err
			}
			return p.chain(r, arg(args, 0), arg(args, 1)), nil
		},
		"catch": func(r *realm, this value, args []value) (value, error) {
			p, err := dataOf[*promise](r, this, "Promise.catch")
			if err != nil {
				return nil, err
			}
			return p.chain(r, nil, arg(args, 0)), nil
		},
		"finally": promiseFinally,
	})
	r.methods(ctor, map[string]nativeFunc{
		"resolve": func(r *realm, _ value, args []value) (value, error) {
			if o, ok := arg(args, 0).(*object); ok {
				if _, ok := o.data.(*promise); ok {
					return o, nil
				}
			}
			return r.promiseOf(arg(args, 0), nil), nil
		},
		"reject": func(r *realm, _ value, args []value) (value, error) {
			o, p := r.newPromise()
			p.reject(r, arg(args, 0))
			return o, nil
		},
		"all":  promiseAll,
		"race": promiseRace,
	})
	r.refuseMethods(ctor, "Promise", "allSettled", "any", "withResolvers", "try")
}

func promiseFinally(r *realm, this value, args []value) (value, error) {
	p, err := dataOf[*promise](r, this, "Promise.finally")
	if err != nil {
		return nil, err
	}
	next, np := r.newPromise()
	after := func(settle func(*realm, value)) func(value) {
		return func(v value) {
			res, err := r.call(arg(args, 0), nil, nil)
			if err != nil {
				np.reject(r, r.thrownValue(err))
				return
			}
			r.promiseFor(res).then(r, func(value) { settle(r, v) }, func(e value) { np.reject(r, e) })
		}
	}
	p.then(r, after(np.resolve), after(np.reject))
	return next, nil
}

func promiseAll(r *realm, _ value, args []value) (value, error) {
	items, err := r.iterate(arg(args, 0))
	if err != nil {
		return r.promiseOf(nil, err), nil
	}
	o, p := r.newPromise()
	results, left := make([]value, len(items)), len(items)
	if left == 0 {
		p.resolve(r, r.newArray(results))
	}
	for i, item := range items {
		r.promiseFor(item).then(r, func(v value) {
			results[i] = v
			if left--; left == 0 {
				p.resolve(r, r.newArray(results))
			}
		}, func(e value) { p.reject(r, e) })
	}
	return o, nil
}

func promiseRace(r *realm, _ value, args []value) (value, error) {
	items, err := r.iterate(arg(args, 0))
	if err != nil {
		return r.promiseOf(nil, err), nil
	}
	o, p := r.newPromise()
	for _, item := range items {
		r.promiseFor(item).then(r, func(v value) { p.resolve(r, v) }, func(e value) { p.reject(r, e) })
	}
	return o, nil
}
