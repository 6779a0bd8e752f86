package loadgen

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// The range of latencies that are told apart, to three digits.
const (
	minLatency = time.Microsecond
	maxLatency = 2 * time.Minute
)

// Histogram counts latencies.
type Histogram struct{ h *hdrhistogram.Histogram }

// NewHistogram returns an empty Histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(int64(minLatency), int64(maxLatency), 3)}
}

// Record counts one latency. What is out of range counts as the nearest that is in it.
func (h *Histogram) Record(d time.Duration) {
	_ = h.h.RecordValue(int64(min(max(d, minLatency), maxLatency))) // fails out of range only
}

// Merge adds what other has counted.
func (h *Histogram) Merge(other *Histogram) { h.h.Merge(other.h) }

// Count is how many latencies were counted.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Percentile is the latency that p percent of all do not exceed; 0 when there are none.
func (h *Histogram) Percentile(p float64) time.Duration {
	if h.Count() == 0 {
		return 0
	}
	return time.Duration(h.h.ValueAtPercentile(p))
}
