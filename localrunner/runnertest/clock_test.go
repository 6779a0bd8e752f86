package runnertest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestClock(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	c := &clock{now: start}
	var fired []string
	set := func(name string, d time.Duration) func() bool {
		return c.AfterFunc(d, func() { fired = append(fired, name+" "+c.Now().Sub(start).String()) })
	}
	advance := func(d time.Duration) {
		until := c.Now().Add(d)
		for f := c.next(until); f != nil; f = c.next(until) {
			f()
		}
	}
	set("c", 2*time.Second)
	set("a", time.Second)
	stop := set("never", time.Second)
	set("b", time.Second)
	set("at once", -time.Second)
	set("later", 2*time.Second+1)
	c.AfterFunc(time.Second, func() { set("set on the way", 500*time.Millisecond) })
	assert.True(t, stop())
	assert.False(t, stop())

	advance(0)
	assert.Equal(t, []string{"at once 0s"}, fired)
	fired = nil
	advance(2 * time.Second)
	assert.Equal(t, []string{"a 1s", "b 1s", "set on the way 1.5s", "c 2s"}, fired)
	assert.Equal(t, start.Add(2*time.Second), c.Now())
	fired = nil
	advance(time.Hour)
	assert.Equal(t, []string{"later 2.000000001s"}, fired)
	assert.Empty(t, c.timers)
}
