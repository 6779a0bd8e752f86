package gojs

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestHeadersAreSortedAndCombined(t *testing.T) {
	r := testRealm()
	h := &headers{}
	require.NoError(t, r.fillHeaders(h, r.newArray([]value{
		r.newArray([]value{"X-B", "1"}), r.newArray([]value{"Set-Cookie", "a"}), r.newArray([]value{"x-b", "2"}),
		r.newArray([]value{"set-cookie", "b"}), r.newArray([]value{"Accept", " */* "}),
	})))
	assert.Equal(t, [][2]string{{"accept", "*/*"}, {"set-cookie", "a"}, {"set-cookie", "b"}, {"x-b", "1, 2"}}, h.pairs())
	assert.Error(t, r.fillHeaders(&headers{}, "text"))
	assert.Error(t, r.fillHeaders(&headers{}, r.newRecord("bad name", "x")))
	assert.Error(t, r.fillHeaders(&headers{}, r.newRecord("a", "b\x00c")))
}

func TestPropertiesKeepTheirOrder(t *testing.T) {
	r := testRealm()
	o := r.newObject()
	var want []string
	for _, c := range "the quick brown fox jumps" {
		key := string(c)
		if o.get(r, key) == nil {
			want = append(want, key)
		}
		o.set(r, key, key)
	}
	assert.Equal(t, want, o.keys())
	o.props.remove("q")
	assert.Nil(t, o.get(r, "q"))
	assert.Equal(t, "u", o.get(r, "u"))
	assert.NotContains(t, o.keys(), "q")
}

func TestMicrotasksSurviveAPanic(t *testing.T) {
	r := testRealm()
	var ran []int
	for i := range 5 {
		r.microtask(func() {
			ran = append(ran, i)
			if i == 2 {
				panic("out of here")
			}
		})
	}
	assert.Panics(t, r.drain)
	require.True(t, r.due())
	r.drain()
	assert.Equal(t, []int{0, 1, 2, 3, 4}, ran, "each once")
	assert.False(t, r.due())
}

func TestALongChainOfMicrotasks(t *testing.T) {
	r := testRealm()
	left := 100_000
	var step func()
	step = func() {
		if left--; left > 0 {
			r.microtask(step)
		}
	}
	r.microtask(step)
	r.drain()
	assert.Zero(t, left)
	assert.Less(t, cap(r.micro), 10_000)
}

func TestUnhandledRejectionsAreReported(t *testing.T) {
	r := testRealm()
	var out strings.Builder
	r.stderr = &out
	_, p := r.newPromise()
	p.reject(r, r.newError("TypeError", "lost"))
	_, q := r.newPromise()
	q.reject(r, "handled in time")
	q.then(r, func(value) {}, func(value) {})
	r.drain()
	assert.Equal(t, "Uncaught (in promise) TypeError: lost\n", out.String())
}

func TestAPromiseOfItself(t *testing.T) {
	r := testRealm()
	o, p := r.newPromise()
	p.resolve(r, o)
	r.drain()
	assert.Equal(t, rejected, p.state)
}

// record collects what a reader gets.
type record []string

func (rec *record) request(r *realm) readRequest {
	return readRequest{
		chunk: func(v value) { *rec = append(*rec, r.toString(v)) },
		close: func() { *rec = append(*rec, "closed") },
		fail:  func(e value) { *rec = append(*rec, "failed "+r.toString(e)) },
	}
}

func TestStreamPullsOnDemand(t *testing.T) {
	r := testRealm()
	pulls := 0
	var s *readable
	s, err := r.newStream(streamSource{pull: func() (value, error) {
		pulls++
		if pulls == 3 {
			return nil, s.close(r)
		}
		return nil, s.enqueue(r, float64(pulls))
	}}, 0, nil)
	require.NoError(t, err)
	r.drain()
	assert.Zero(t, pulls, "a high-water mark of zero waits for a reader")
	rd, err := s.acquire(r)
	require.NoError(t, err)
	var got record
	for range 4 {
		rd.read(r, got.request(r))
		r.drain()
	}
	assert.Equal(t, record{"1", "2", "closed", "closed"}, got)
	assert.Equal(t, 3, pulls)
}

func TestStreamDrainsBeforeItCloses(t *testing.T) {
	r := testRealm()
	s := r.emptyStream(1, nil)
	require.NoError(t, s.enqueue(r, "a"))
	require.NoError(t, s.close(r))
	assert.Error(t, s.enqueue(r, "b"))
	assert.Error(t, s.close(r))
	rd, err := s.acquire(r)
	require.NoError(t, err)
	var got record
	rd.read(r, got.request(r))
	rd.read(r, got.request(r))
	assert.Equal(t, record{"a", "closed"}, got)
}

func TestStreamErrorsDropWhatIsQueued(t *testing.T) {
	r := testRealm()
	s := r.emptyStream(1, nil)
	require.NoError(t, s.enqueue(r, "a"))
	s.fail(r, "broken")
	rd, err := s.acquire(r)
	require.NoError(t, err)
	var got record
	rd.read(r, got.request(r))
	assert.Equal(t, record{"failed broken"}, got)
	assert.Equal(t, null, s.desiredSize())
}

func TestStreamCancelTellsTheSource(t *testing.T) {
	r := testRealm()
	var reason value
	s, err := r.newStream(streamSource{cancel: func(v value) (value, error) { reason = v; return nil, nil }}, 1, nil)
	require.NoError(t, err)
	rd, err := s.acquire(r)
	require.NoError(t, err)
	var got record
	rd.read(r, got.request(r))
	s.cancel(r, "enough")
	assert.Equal(t, "enough", reason)
	assert.Equal(t, record{"closed"}, got)
	assert.Error(t, s.enqueue(r, "x"), "by the standard, canceling closes")

	s = r.emptyStream(1, nil)
	s.abandon(r, "gone")
	assert.NoError(t, s.enqueue(r, "x"), "what the host abandoned swallows it")
	assert.NoError(t, s.close(r))
}

func TestReleasedReader(t *testing.T) {
	r := testRealm()
	s := r.emptyStream(1, nil)
	rd, err := s.acquire(r)
	require.NoError(t, err)
	var got record
	rd.read(r, got.request(r))
	rd.release(r)
	rd.read(r, got.request(r))
	assert.Len(t, got, 2)
	assert.Contains(t, got[0], "was released")
	_, err = s.acquire(r)
	assert.NoError(t, err)
}
