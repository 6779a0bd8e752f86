package conformance

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hubbub-edge/hubbub/internal/sse"
)

func TestDropTally(t *testing.T) {
	durable := []sse.Event{{Name: "message", Data: "x", LastEventID: "e-1", HasID: true}, {Name: "message", Data: "y", LastEventID: "e-2", HasID: true}}
	d := dropTally{durable: durable}
	for _, e := range []sse.Event{
		{Data: "001"}, durable[0], {Name: "lag", Data: `{"dropped":3}`, LastEventID: "e-1"}, {Data: "005", LastEventID: "e-1"},
	} {
		require.NoError(t, d.take(e))
	}
	require.Equal(t, dropTally{durable: durable[1:], ephemeral: 2, dropped: 3, latest: "005"}, d)
	for _, bad := range []sse.Event{
		durable[0], {Data: "005"}, {Data: "004"}, {Name: "lag", Data: `{"dropped":0}`}, {Name: "lag", Data: `{}`},
		{Name: "lag", Data: `{"dropped":1}`, LastEventID: "e-3", HasID: true},
	} {
		assert.Error(t, d.take(bad), "%+v", bad)
	}
}
