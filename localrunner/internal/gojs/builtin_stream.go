package gojs

// streamController is the data of a ReadableStreamDefaultController.
type streamController struct{ s *readable }

func (r *realm) installStream() {
	_, r.streamProto = r.class("ReadableStream", constructStream, nil)
	getters(r.streamProto, map[string]func(*realm, *object) value{
		"locked": func(_ *realm, o *object) value {
			s, ok := o.data.(*readable)
			return ok && s.reader != nil
		},
	})
	r.methods(r.streamProto, map[string]nativeFunc{
		"getReader": func(r *realm, this value, args []value) (value, error) {
			s, err := dataOf[*readable](r, this, "ReadableStream.getReader")
			if err != nil {
				return nil, err
			}
			if opts, ok := arg(args, 0).(*object); ok && opts.get(r, "mode") != nil {
				return nil, r.throw("Error", "%sa BYOB reader of ReadableStream is not supported", refusalPrefix)
			}
			rd, err := s.acquire(r)
			if err != nil {
				return nil, err
			}
			return &object{proto: r.readerProto, data: rd}, nil
		},
		"cancel": func(r *realm, this value, args []value) (value, error) {
			s, err := dataOf[*readable](r, this, "ReadableStream.cancel")
			if err != nil {
				return nil, err
			}
			if s.reader != nil {
				return r.promiseOf(nil, r.throwType("This ReadableStream is currently locked to a reader.")), nil
			}
			return s.cancel(r, arg(args, 0)), nil
		},
	})
	r.refuseMethods(r.streamProto, "ReadableStream", "tee", "pipeTo", "pipeThrough", "values")

	_, r.controllerProto = r.class("ReadableStreamDefaultController", nil, nil)
	getters(r.controllerProto, map[string]func(*realm, *object) value{
		"desiredSize": func(_ *realm, o *object) value {
			if c, ok := o.data.(*streamController); ok {
				return c.s.desiredSize()
			}
			return nil
		},
	})
	r.methods(r.controllerProto, map[string]nativeFunc{
		"enqueue": onController("enqueue", func(r *realm, s *readable, args []value) error {
			return s.enqueue(r, arg(args, 0))
		}),
		"close": onController("close", func(r *realm, s *readable, _ []value) error { return s.close(r) }),
		"error": onController("error", func(r *realm, s *readable, args []value) error {
			s.fail(r, arg(args, 0))
			return nil
		}),
	})

	_, r.readerProto = r.class("ReadableStreamDefaultReader", func(r *realm, args []value) (*object, error) {
		s, err := dataOf[*readable](r, arg(args, 0), "ReadableStreamDefaultReader")
		if err != nil {
			return nil, err
		}
		rd, err := s.acquire(r)
		if err != nil {
			return nil, err
		}
		return &object{proto: r.readerProto, data: rd}, nil
	}, nil)
	getters(r.readerProto, map[string]func(*realm, *object) value{
		"closed": func(_ *realm, o *object) value {
			if rd, ok := o.data.(*streamReader); ok {
				return rd.closedObj
			}
			return nil
		},
	})
	r.methods(r.readerProto, map[string]nativeFunc{
		"read":   readerRead,
		"cancel": readerCancel,
		"releaseLock": func(r *realm, this value, _ []value) (value, error) {
			rd, err := dataOf[*streamReader](r, this, "ReadableStreamDefaultReader.releaseLock")
			if err != nil {
				return nil, err
			}
			rd.release(r)
			return nil, nil
		},
	})
}

func onController(name string, f func(r *realm, s *readable, args []value) error) nativeFunc {
	return func(r *realm, this value, args []value) (value, error) {
		c, err := dataOf[*streamController](r, this, "ReadableStreamDefaultController."+name)
		if err != nil {
			return nil, err
		}
		return nil, f(r, c.s, args)
	}
}

func readerRead(r *realm, this value, _ []value) (value, error) {
	rd, err := dataOf[*streamReader](r, this, "ReadableStreamDefaultReader.read")
	if err != nil {
		return r.promiseOf(nil, err), nil
	}
	o, p := r.newPromise()
	rd.read(r, readRequest{
		chunk: func(v value) { p.settle(r, fulfilled, r.newRecord("value", v, "done", false)) },
		close: func() { p.settle(r, fulfilled, r.newRecord("value", nil, "done", true)) },
		fail:  func(e value) { p.reject(r, e) },
	})
	return o, nil
}

func readerCancel(r *realm, this value, args []value) (value, error) {
	rd, err := dataOf[*streamReader](r, this, "ReadableStreamDefaultReader.cancel")
	if err != nil {
		return nil, err
	}
	if rd.stream == nil {
		return r.promiseOf(nil, r.throwType("This ReadableStreamDefaultReader was released.")), nil
	}
	return rd.stream.cancel(r, arg(args, 0)), nil
}

// constructStream is new ReadableStream(underlyingSource, strategy).
func constructStream(r *realm, args []value) (*object, error) {
	hwm := 1.0
	var sizeOf func(value) (float64, error)
	if strategy, ok := arg(args, 1).(*object); ok {
		if v := strategy.get(r, "highWaterMark"); v != nil {
			hwm = r.toNumber(v)
			if !(hwm >= 0) {
				return nil, r.throw("RangeError", "Invalid value for highWaterMark")
			}
		}
		if size := strategy.get(r, "size"); size != nil {
			sizeOf = func(v value) (float64, error) {
				n, err := r.call(size, nil, []value{v})
				return r.toNumber(n), err
			}
		}
	}
	s := r.emptyStream(hwm, sizeOf)
	if under, ok := arg(args, 0).(*object); ok {
		if under.get(r, "type") != nil {
			return nil, r.throw("Error", "%sa ReadableStream of type %s is not supported", refusalPrefix,
				r.toString(under.get(r, "type")))
		}
		method := func(name string) value { return under.get(r, name) }
		if f := method("start"); f != nil {
			s.src.start = func() (value, error) { return r.call(f, under, []value{s.ctrl}) }
		}
		if f := method("pull"); f != nil {
			s.src.pull = func() (value, error) { return r.call(f, under, []value{s.ctrl}) }
		}
		if f := method("cancel"); f != nil {
			s.src.cancel = func(reason value) (value, error) { return r.call(f, under, []value{reason}) }
		}
	}
	if err := s.begin(r); err != nil {
		return nil, err
	}
	return s.obj, nil
}
