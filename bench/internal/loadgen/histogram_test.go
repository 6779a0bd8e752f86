package loadgen

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestHistogram(t *testing.T) {
	h := NewHistogram()
	require.Zero(t, h.Percentile(50))
	for i := 1; i <= 100; i++ {
		h.Record(time.Duration(i) * time.Millisecond)
	}
	within := func(want, got time.Duration) {
		t.Helper()
		require.InEpsilon(t, want, got, 0.001)
	}
	within(50*time.Millisecond, h.Percentile(50))
	within(99*time.Millisecond, h.Percentile(99))
	within(100*time.Millisecond, h.Percentile(100))

	other := NewHistogram()
	other.Record(-1)
	other.Record(time.Hour)
	h.Merge(other)
	require.EqualValues(t, 102, h.Count(), "what is out of range is not lost")
	within(maxLatency, h.Percentile(100))
	require.LessOrEqual(t, h.Percentile(0), 2*minLatency)
}
