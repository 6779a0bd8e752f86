package peers

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestParseStat(t *testing.T) {
	cpu, err := parseStat([]byte("12 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0"))
	require.NoError(t, err)
	require.Equal(t, 1750*time.Millisecond, cpu)
	for _, bad := range []string{"", "12 (a)", "12 a S 1 2 3 4 5 6 7 8 9 10 150 25", "1 (a) S 1 2 3 4 5 6 7 8 9 10 x 25"} {
		_, err := parseStat([]byte(bad))
		require.ErrorIs(t, err, ErrProcfs, bad)
	}
}

func TestParseStatus(t *testing.T) {
	rss, err := parseStatus([]byte("Name:\tx\nVmHWM:\t    9 kB\nVmRSS:\t    12 kB\n"))
	require.NoError(t, err)
	require.EqualValues(t, 12<<10, rss)
	for _, bad := range []string{"", "Name:\tVmRSS: 1 kB\n", "\nVmRSS:\n", "\nVmRSS: x kB\n", "\nVmRSS: 1 MB\n"} {
		_, err := parseStatus([]byte(bad))
		require.ErrorIs(t, err, ErrProcfs, bad)
	}
}

func FuzzProcfs(f *testing.F) {
	f.Add([]byte("12 (a) b) (c) S 1 2 3 4 5 6 7 8 9 10 150 25 0 0 20 0"))
	f.Add([]byte("Name:\tx\nVmRSS:\t    12 kB\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseStat(b); err != nil {
			require.ErrorIs(t, err, ErrProcfs)
		}
		if _, err := parseStatus(b); err != nil {
			require.ErrorIs(t, err, ErrProcfs)
		}
	})
}

func TestOwnProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("there is no /proc here, so what a process uses is not known")
	}
	rss, err := RSS(os.Getpid())
	require.NoError(t, err)
	require.Greater(t, rss, int64(1<<20))
	_, err = CPU(os.Getpid())
	require.NoError(t, err)
	_, err = CPU(1 << 30)
	require.ErrorIs(t, err, ErrProcfs)
}
