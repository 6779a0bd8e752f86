package main

import (
	"context"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestCommitter(t *testing.T) {
	file := filepath.Join(t.TempDir(), "commits.db")
	c, err := newCommitter(file)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.close()) })
	r, err := c.run(t.Context(), time.Millisecond, 5*time.Millisecond)
	require.NoError(t, err)
	assert.Positive(t, r.Count)
	assert.Greater(t, r.Total, r.Count, "the warm-up does not count")
	assert.Equal(t, r.Count, r.Latencies.Count())
	assert.GreaterOrEqual(t, r.Duration, 5*time.Millisecond)

	for _, sql := range []string{
		`SELECT count(*) FROM event`,
		`SELECT count(DISTINCT data) FROM event`,
		`SELECT count(*) FROM event WHERE length(data) = 100`,
	} {
		got, err := c.text(sql)
		require.NoError(t, err)
		assert.Equal(t, strconv.FormatInt(r.Total, 10), got, sql)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = c.run(ctx, 0, time.Hour)
	require.ErrorIs(t, err, context.Canceled)

	_, err = newCommitter(filepath.Join(t.TempDir(), "missing", "commits.db"))
	require.Error(t, err)
}
