package soak

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// dataOf returns the data of a publish, however it was written.
func dataOf(t *testing.T, r *http.Request) string {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler) // The client was killed; t may be over.
	}
	if r.Header.Get("Content-Type") == "text/plain" {
		return string(body)
	}
	var message struct{ Data string }
	assert.NoError(t, json.Unmarshal(body, &message))
	return message.Data
}

func small(seed uint64) Options {
	return Options{Seed: seed, Kills: 2, Hubs: 2, Publishers: 4, Subscribers: 4, Patience: 4 * time.Second}
}

func TestRunOfAHostThatKeepsTheContract(t *testing.T) {
	t.Parallel()
	host := newFakeHost(t, faults{})
	report, err := Run(t.Context(), host, small(1))
	require.NoError(t, err, "%v", report)
	assert.Equal(t, 2, report.Kills)
	assert.Equal(t, 3, host.lives, "the last kill comes after the load")
	assert.Equal(t, []string{"life 1", "life 2", "life 3"}, report.Outputs)
	assert.Positive(t, report.Acknowledged())
	assert.Positive(t, report.Resumed())
	assert.LessOrEqual(t, report.Acknowledged(), int64(report.Events))
}

// Each fault of a host must be found by a run, and as what it is.
func TestRunFinds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		faults faults
		says   string
	}{
		"an acknowledged event that is lost":  {faults{loseOnKill: true}, ""}, // seen in more than one way
		"a second epoch":                      {faults{newEpoch: true}, ""},
		"an event that is seen twice":         {faults{replayTwice: true}, "should follow"},
		"an event that is missing":            {faults{skip: true}, "should follow"},
		"an event that is altered":            {faults{alter: true}, "nobody published"},
		"a publish that is refused":           {faults{refuse: true}, "was answered with 500 no"},
		"a gap":                               {faults{gap: true}, `gap "{}"`},
		"a key that does not stop the second": {faults{ignoreKeys: true}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Run(t.Context(), newFakeHost(t, c.faults), small(2))
			require.ErrorIs(t, err, ErrBroken)
			assert.ErrorContains(t, err, c.says)
		})
	}
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := contextEndingAfter(t, 50*time.Millisecond)
	defer cancel()
	_, err := Run(ctx, newFakeHost(t, faults{}), small(3))
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrBroken)
}
