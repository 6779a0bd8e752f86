package localrunner

import (
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
)

// text is what chunks come to on the wire, and how many bytes of it were written.
func text(chunks []chunk) (string, int) {
	var b strings.Builder
	for _, c := range chunks {
		b.Write(c.data)
	}
	return b.String(), b.Len()
}

func TestQueueDisconnect(t *testing.T) {
	q := queue{limit: 10}
	assert.True(t, q.add(chunk{data: []byte("12345")}))
	assert.True(t, q.add(chunk{data: []byte("67890")}))
	assert.False(t, q.add(chunk{data: []byte("x"), ephemeral: true, key: "k"}))
	assert.True(t, q.add(chunk{data: []byte("beat"), silent: true}), "a heartbeat is no reason to end a session")
	got, n := text(q.take(0))
	assert.Equal(t, "1234567890", got)
	assert.False(t, q.add(chunk{data: []byte("x")}), "what is being written counts")
	q.take(n)
	assert.True(t, q.add(chunk{data: []byte("x")}))
}

func TestQueueTakesWhatIsLargerThanItsBound(t *testing.T) {
	q := queue{limit: 10}
	assert.True(t, q.add(chunk{data: []byte("larger than ten")}))
	assert.False(t, q.add(chunk{data: []byte("x")}))
	_, n := text(q.take(0))
	assert.False(t, q.add(chunk{data: []byte("x")}))
	q.take(n)
	assert.True(t, q.add(chunk{data: []byte("larger than ten")}))
}

func TestQueueDrop(t *testing.T) {
	q := queue{limit: 10, policy: actor.SlowDrop}
	assert.True(t, q.add(chunk{data: []byte("e1"), ephemeral: true}))
	assert.True(t, q.add(chunk{data: []byte("d1")}))
	assert.True(t, q.add(chunk{data: []byte("e23456"), ephemeral: true}))
	assert.True(t, q.add(chunk{data: []byte("e3"), ephemeral: true}), "skipped")
	assert.True(t, q.add(chunk{data: []byte("d2345")}), "in place of ephemeral events")
	assert.False(t, q.add(chunk{data: []byte("d345")}), "events with an id are never skipped")
	got, n := text(q.take(0))
	assert.Equal(t, "d1d2345", got)
	got, n = text(q.take(n))
	assert.Equal(t, "event: lag\ndata: {\"dropped\":3}\n\n", got)
	got, _ = text(q.take(n))
	assert.Empty(t, got)
	assert.Zero(t, q.waiting)
}

// A client that is still behind is not told again and again.
func TestQueueTellsLagLate(t *testing.T) {
	q := queue{limit: 10, policy: actor.SlowDrop}
	q.add(chunk{data: []byte("12345678")})
	_, n := text(q.take(0))
	q.add(chunk{data: []byte("xyz"), ephemeral: true})
	got, _ := text(q.take(0))
	assert.Empty(t, got)
	got, _ = text(q.take(n))
	assert.Contains(t, got, "lag")
}

func TestQueueCoalesce(t *testing.T) {
	q := queue{limit: 10, policy: actor.SlowCoalesce}
	for range 100 {
		assert.True(t, q.add(chunk{data: []byte("a1"), key: "a"}))
		assert.True(t, q.add(chunk{data: []byte("b1"), key: "b"}))
		assert.True(t, q.add(chunk{data: []byte("a2"), key: "a"}))
	}
	assert.True(t, q.add(chunk{data: []byte("n1")}))
	got, n := text(q.take(0))
	assert.Equal(t, "b1a2n1", got)
	assert.True(t, q.add(chunk{data: []byte("a3"), key: "a"}), "what is being written is not replaced")
	assert.False(t, q.add(chunk{data: []byte("n2345")}))
	got, _ = text(q.take(n))
	assert.Equal(t, "a3", got)
}

func FuzzQueue(f *testing.F) {
	f.Add(uint8(1), []byte("a5e3b2t9d4"))
	f.Fuzz(func(t *testing.T, policy uint8, script []byte) {
		q := queue{limit: 20, policy: actor.SlowPolicy(policy % 3)}
		written, added, seen := 0, 0, 0
		for i := 0; i+1 < len(script); i += 2 {
			if script[i] == 't' {
				chunks := q.take(written)
				_, written = text(chunks)
				for _, c := range chunks {
					if len(c.data) > 0 && c.data[0] == 'd' {
						seen++
					}
				}
				continue
			}
			c := chunk{data: []byte(strings.Repeat(string(script[i]), int(script[i+1]%10)+1)), ephemeral: script[i] != 'd'}
			if script[i] < 'd' {
				c.key = string(script[i])
			}
			if !q.add(c) {
				return // the session ends
			}
			if script[i] == 'd' {
				added++
			}
			assert.LessOrEqual(t, q.waiting, max(q.limit, written+64))
			assert.GreaterOrEqual(t, q.waiting, 0)
		}
		for _, c := range q.take(written) {
			if len(c.data) > 0 && c.data[0] == 'd' {
				seen++
			}
		}
		assert.Equal(t, added, seen, "an event that may not be skipped was")
	})
}
