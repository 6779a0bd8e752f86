package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

func TestFollowerRefusesHolesAndRepeats(t *testing.T) {
	f := follower{last: "e-1"}
	require.NoError(t, f.take(sse.Event{LastEventID: "e-2", HasID: true}))
	for _, bad := range []sse.Event{
		{LastEventID: "e-2", HasID: true}, {LastEventID: "e-4", HasID: true}, {LastEventID: "f-3", HasID: true},
		{LastEventID: "e-3"}, // An id that an event before it had.
	} {
		require.Error(t, f.take(bad), "%+v", bad)
	}
	require.Equal(t, "e-2", f.last)
	require.Len(t, f.got, 1)
}

func TestControl(t *testing.T) {
	want := map[string]any{"reason": "age", "reconnect": true}
	require.NoError(t, control(sse.Event{Name: "goodbye", Data: `{"reconnect":true,"reason":"age"}`, LastEventID: "e-1"}, "goodbye", want))
	for _, bad := range []sse.Event{
		{Name: "goodbye", Data: `{"reason":"age","reconnect":true}`, LastEventID: "e-1", HasID: true},
		{Name: "gap", Data: `{"reason":"age","reconnect":true}`},
		{Name: "goodbye", Data: `{"reason":"age","reconnect":true,"more":1}`},
		{Name: "goodbye", Data: `{"reason":"age"}`},
		{Name: "goodbye", Data: `{"reason":"age","reconnect":"true"}`},
		{Name: "goodbye", Data: `age`},
	} {
		assert.Error(t, control(bad, "goodbye", want), "%+v", bad)
	}
}

func TestEventsOf(t *testing.T) {
	events, err := eventsOf(map[string]string{"e-10": "c", "e-8": "a", "e-9": "b"})
	require.NoError(t, err)
	_, ids, err := idsOf(events)
	require.NoError(t, err)
	require.Equal(t, []string{"e-8", "e-9", "e-10"}, ids)
	require.Equal(t, sse.Event{Name: "message", Data: "a", LastEventID: "e-8", HasID: true}, events[0])
	_, err = eventsOf(map[string]string{"e-8": "", "e-10": ""})
	require.Error(t, err)
}
