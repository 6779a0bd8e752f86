package soak

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseID(t *testing.T) {
	id, err := parseID("a-b-12")
	require.NoError(t, err)
	require.Equal(t, eventID{"a-b", 12}, id)
	for _, bad := range []string{"", "12", "-12", "a-", "a-0", "a-01", "a-+1", "a- 1", "a-0x1", "a-18446744073709551616"} {
		_, err := parseID(bad)
		require.ErrorIs(t, err, ErrBroken, bad)
	}
}
