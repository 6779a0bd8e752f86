package localrunner

import (
	"slices"
	"strconv"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
)

// chunk is something that waits for a session's client.
type chunk struct {
	data      []byte // shared between sessions: must not be changed
	key       string // see actor.Event.Key
	ephemeral bool   // may be skipped, see actor.SlowDrop
	silent    bool   // nobody is told when it is skipped: a heartbeat
	proceed   bool   // no data: the hub waits for what is before it to be written
}

// queue is what waits for a session's client. Its bound holds for all that has been added and not yet written.
type queue struct {
	limit  int // bytes
	policy actor.SlowPolicy

	chunks  []chunk
	waiting int            // bytes
	taken   int            // chunks whose data was taken out
	dropped int            // events that were skipped and not yet told of
	keys    map[string]int // where in chunks the one of a key is
}

// add appends c. It returns false when c does not fit, and the class's policy does not help: the session is to be ended.
func (q *queue) add(c chunk) bool {
	if q.policy == actor.SlowCoalesce && c.key != "" {
		q.replace(c.key)
	}
	if !q.fits(c) {
		switch {
		case c.silent:
			return true
		case q.policy != actor.SlowDrop:
			return false
		case c.ephemeral:
			q.dropped++
			return true
		}
		if q.skipEphemeral(); !q.fits(c) {
			return false
		}
	}
	if q.policy == actor.SlowCoalesce && c.key != "" {
		if q.keys == nil {
			q.keys = make(map[string]int)
		}
		q.keys[c.key] = len(q.chunks)
	}
	q.chunks = append(q.chunks, c)
	q.waiting += len(c.data)
	q.compact()
	return true
}

// fits reports whether there is room for c. What is larger than the bound fits when nothing else waits: no client could
// ever get it otherwise.
func (q *queue) fits(c chunk) bool { return q.waiting == 0 || q.waiting+len(c.data) <= q.limit }

// takeOut has the chunk at i not be written.
func (q *queue) takeOut(i int) {
	q.waiting -= len(q.chunks[i].data)
	q.chunks[i].data = nil
	q.taken++
}

// compact removes what was taken out, when that is most of all: a client that does not read must not cost more than its
// bound.
func (q *queue) compact() {
	if q.taken < 64 || q.taken <= len(q.chunks)/2 {
		return
	}
	q.taken = 0
	q.chunks = slices.DeleteFunc(q.chunks, func(c chunk) bool { return c.data == nil && !c.proceed })
	clear(q.keys)
	if q.policy != actor.SlowCoalesce {
		return
	}
	for i, c := range q.chunks {
		if c.key != "" {
			q.keys[c.key] = i
		}
	}
}

// replace takes out what waits under key.
func (q *queue) replace(key string) {
	if at, ok := q.keys[key]; ok {
		q.takeOut(at)
		delete(q.keys, key)
	}
}

// skipEphemeral takes out all ephemeral events.
func (q *queue) skipEphemeral() {
	for i := range q.chunks {
		c := &q.chunks[i]
		if !c.ephemeral || c.data == nil {
			continue
		}
		if !c.silent {
			q.dropped++
		}
		q.takeOut(i)
	}
}

// take returns what waits, and takes it out; some of it may have no data. written is how many bytes of what was taken
// before have been written. Behind it, a client that was too slow learns what it has missed.
func (q *queue) take(written int) []chunk {
	q.waiting -= written
	if q.dropped > 0 && q.waiting <= q.limit/2 {
		lag := strconv.AppendInt([]byte(abi.LagBefore), int64(q.dropped), 10)
		lag = append(lag, abi.LagAfter...)
		q.dropped = 0
		q.chunks = append(q.chunks, chunk{data: lag})
		q.waiting += len(lag)
	}
	chunks := q.chunks
	q.chunks, q.taken = nil, 0
	clear(q.keys)
	return chunks
}

// empty drops what waits.
func (q *queue) empty() { q.chunks = nil }
