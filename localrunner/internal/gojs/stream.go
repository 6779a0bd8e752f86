package gojs

import "math"

// readable is the data of a ReadableStream with a default controller (WHATWG Streams, sections 4.2 and 4.5).
type readable struct {
	obj       *object
	state     streamState
	err       value
	reader    *streamReader
	disturbed bool
	// abandoned is set when the host itself lost interest because the client of a request has gone. What the program
	// still does to such a stream has no effect. By the standard it would throw, and syumai/workers, which closes a
	// stream again after it was canceled, does not survive that.
	abandoned bool

	ctrl    *object
	queue   []sizedChunk
	queued  float64
	hwm     float64
	sizeOf  func(v value) (float64, error) // nil: each chunk counts 1
	src     streamSource
	started bool
	pulling bool
	again   bool
	closing bool
}

type streamState uint8

const (
	streamReadable streamState = iota
	streamClosed
	streamErrored
)

type sizedChunk struct {
	v    value
	size float64
}

// streamSource is where a stream's chunks come from: an object of the program, or the host. A nil function does
// nothing. Each returns what the program's method would: often a promise.
type streamSource struct {
	start  func() (value, error)
	pull   func() (value, error)
	cancel func(reason value) (value, error)
}

// newStream makes a stream. Start functions of src run before it returns.
func (r *realm) newStream(src streamSource, hwm float64, sizeOf func(value) (float64, error)) (*readable, error) {
	s := r.emptyStream(hwm, sizeOf)
	s.src = src
	return s, s.begin(r)
}

func (r *realm) emptyStream(hwm float64, sizeOf func(value) (float64, error)) *readable {
	s := &readable{hwm: hwm, sizeOf: sizeOf}
	s.obj = &object{proto: r.streamProto, data: s}
	s.ctrl = &object{proto: r.controllerProto, data: &streamController{s}}
	return s
}

func (s *readable) begin(r *realm) error {
	var started value
	if s.src.start != nil {
		var err error
		if started, err = s.src.start(); err != nil {
			return err
		}
	}
	r.promiseFor(started).then(r, func(value) {
		s.started = true
		s.pullIfNeeded(r)
	}, func(e value) { s.fail(r, e) })
	return nil
}

func (s *readable) accepts() bool { return s.state == streamReadable && !s.closing }

func (s *readable) desiredSize() value {
	switch s.state {
	case streamErrored:
		return null
	case streamClosed:
		return 0.0
	}
	return s.hwm - s.queued
}

// pullIfNeeded is ReadableStreamDefaultControllerCallPullIfNeeded.
func (s *readable) pullIfNeeded(r *realm) {
	if !s.accepts() || !s.started {
		return
	}
	if (s.reader == nil || len(s.reader.requests) == 0) && s.hwm-s.queued <= 0 {
		return
	}
	if s.pulling {
		s.again = true
		return
	}
	if s.src.pull == nil {
		return
	}
	s.pulling = true
	res, err := s.src.pull()
	if err != nil {
		s.fail(r, r.thrownValue(err))
		return
	}
	r.promiseFor(res).then(r, func(value) {
		s.pulling = false
		if s.again {
			s.again = false
			s.pullIfNeeded(r)
		}
	}, func(e value) { s.fail(r, e) })
}

// enqueue is ReadableStreamDefaultControllerEnqueue.
func (s *readable) enqueue(r *realm, v value) error {
	if s.abandoned {
		return nil
	}
	if !s.accepts() {
		return r.throwType("Unable to enqueue: the stream is closed or errored")
	}
	if s.reader != nil && len(s.reader.requests) > 0 {
		s.reader.shift().chunk(v)
	} else {
		size := 1.0
		if s.sizeOf != nil {
			var err error
			if size, err = s.sizeOf(v); err != nil {
				s.fail(r, r.thrownValue(err))
				return err
			}
			if math.IsNaN(size) || size < 0 || math.IsInf(size, 1) {
				err := r.throw("RangeError", "The return value of a queuing strategy's size function must be a finite, non-negative number")
				s.fail(r, r.thrownValue(err))
				return err
			}
		}
		s.queue = append(s.queue, sizedChunk{v, size})
		s.queued += size
	}
	s.pullIfNeeded(r)
	return nil
}

// close lets the queue drain and then ends the stream.
func (s *readable) close(r *realm) error {
	if s.abandoned {
		return nil
	}
	if !s.accepts() {
		return r.throwType("Unable to close: the stream is closed or errored")
	}
	s.closing = true
	if len(s.queue) == 0 {
		s.finish(r)
	}
	return nil
}

func (s *readable) finish(r *realm) {
	s.state, s.src = streamClosed, streamSource{}
	if s.reader == nil {
		return
	}
	s.reader.closed.resolve(r, nil)
	for len(s.reader.requests) > 0 {
		s.reader.shift().close()
	}
}

// fail is ReadableStreamDefaultControllerError: what is queued is dropped.
func (s *readable) fail(r *realm, e value) {
	if s.state != streamReadable {
		return
	}
	s.state, s.err, s.src = streamErrored, e, streamSource{}
	s.queue, s.queued = nil, 0
	if s.reader == nil {
		return
	}
	s.reader.closed.handled = true
	s.reader.closed.reject(r, e)
	for len(s.reader.requests) > 0 {
		s.reader.shift().fail(e)
	}
}

// cancel is ReadableStreamCancel: the consumer has lost interest. The promise is settled when the source has heard.
func (s *readable) cancel(r *realm, reason value) *object {
	s.disturbed = true
	switch s.state {
	case streamClosed:
		return r.promiseOf(nil, nil)
	case streamErrored:
		return r.promiseOf(nil, r.throwValue(s.err))
	}
	s.queue, s.queued = nil, 0
	tell := s.src.cancel
	s.finish(r)
	if tell == nil {
		return r.promiseOf(nil, nil)
	}
	done, dp := r.newPromise()
	res, err := tell(reason)
	if err != nil {
		dp.reject(r, r.thrownValue(err))
		return done
	}
	r.promiseFor(res).then(r, func(value) { dp.resolve(r, nil) }, func(e value) { dp.reject(r, e) })
	return done
}

// readRequest is one read that waits for a chunk. Exactly one of its functions is called, possibly before read
// returns and possibly from within a call of the program: none of them may enter the program.
type readRequest struct {
	chunk func(v value)
	close func()
	fail  func(e value)
}

// streamReader is the data of a ReadableStreamDefaultReader.
type streamReader struct {
	stream    *readable
	requests  []readRequest
	closed    *promise
	closedObj *object
}

// abandon is cancel on behalf of a client that has gone.
func (s *readable) abandon(r *realm, reason string) {
	s.abandoned = true
	s.cancel(r, r.newError("AbortError", reason)).data.(*promise).handled = true
}

// acquire locks the stream to a new reader.
func (s *readable) acquire(r *realm) (*streamReader, error) {
	if s.reader != nil {
		return nil, r.throwType("This ReadableStream is currently locked to a reader.")
	}
	rd := &streamReader{stream: s}
	rd.closedObj, rd.closed = r.newPromise()
	rd.closed.handled = true
	switch s.state {
	case streamClosed:
		rd.closed.resolve(r, nil)
	case streamErrored:
		rd.closed.reject(r, s.err)
	}
	s.reader = rd
	return rd, nil
}

func (rd *streamReader) shift() readRequest {
	q := rd.requests[0]
	rd.requests = rd.requests[1:]
	return q
}

// read is ReadableStreamDefaultReaderRead.
func (rd *streamReader) read(r *realm, q readRequest) {
	s := rd.stream
	if s == nil {
		q.fail(r.newError("TypeError", "This ReadableStreamDefaultReader was released."))
		return
	}
	s.disturbed = true
	switch {
	case s.state == streamClosed:
		q.close()
	case s.state == streamErrored:
		q.fail(s.err)
	case len(s.queue) > 0:
		c := s.queue[0]
		s.queue = s.queue[1:]
		s.queued -= c.size
		if s.closing && len(s.queue) == 0 {
			s.finish(r)
		} else {
			s.pullIfNeeded(r)
		}
		q.chunk(c.v)
	default:
		rd.requests = append(rd.requests, q)
		s.pullIfNeeded(r)
	}
}

// release unlocks the stream. Reads that wait fail.
func (rd *streamReader) release(r *realm) {
	s := rd.stream
	if s == nil {
		return
	}
	s.reader, rd.stream = nil, nil
	e := r.newError("TypeError", "This ReadableStreamDefaultReader was released.")
	if s.state == streamReadable {
		rd.closed.reject(r, e)
	} else {
		rd.closedObj, rd.closed = r.newPromise()
		rd.closed.handled = true
		rd.closed.reject(r, e)
	}
	for len(rd.requests) > 0 {
		rd.shift().fail(e)
	}
}

// readAll collects the whole stream, which must consist of bytes.
func (s *readable) readAll(r *realm, done func(b []byte), fail func(e value)) {
	rd, err := s.acquire(r)
	if err != nil {
		fail(r.thrownValue(err))
		return
	}
	var all []byte
	var next func()
	next = func() {
		rd.read(r, readRequest{
			chunk: func(v value) {
				b, ok := bytesOf(v)
				if !ok {
					fail(r.newError("TypeError", "Received a chunk that is not a Uint8Array."))
					return
				}
				all = append(all, b...)
				r.microtask(next)
			},
			close: func() { done(all) },
			fail:  fail,
		})
	}
	next()
}
