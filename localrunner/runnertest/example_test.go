package runnertest_test

import (
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/localrunner/runnertest"
	"github.com/stretchr/testify/require"
)

// TestResume is the example of the package's documentation.
func TestResume(t *testing.T) {
	r := runnertest.New(t, runnertest.Options{})
	client := r.Subscribe("/hubs/lobby/events")
	r.Post("/hubs/lobby/events", "text/plain", "one")
	r.Advance(time.Hour) // it was told to come back long before
	client = client.Resume()
	r.Post("/hubs/lobby/events", "text/plain", "two")
	r.KillInstance()
	require.Equal(t, "two", client.Message(t).Data)
}
