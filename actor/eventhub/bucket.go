package eventhub

import "time"

// bucket is a token bucket. Its zero value is full.
type bucket struct {
	used float64 // tokens that are taken
	at   time.Time
}

// take takes a token from a bucket that holds a second's worth of rate tokens, or says how long to wait for one. A
// negative rate never runs out.
func (b *bucket) take(now time.Time, rate int) (wait time.Duration) {
	if rate < 0 {
		return 0
	}
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.used = max(0, b.used-passed*float64(rate))
	}
	b.at = now
	if b.used > float64(rate-1) {
		return time.Duration((b.used - float64(rate-1)) / float64(rate) * float64(time.Second))
	}
	b.used++
	return 0
}
