package storage

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// FuzzModel drives a hub through random calls and holds it against maps: one for what is committed, one for the
// transaction and one for each savepoint.
func FuzzModel(f *testing.F) {
	f.Add([]byte("bpqsprRxcC"))
	f.Add([]byte("bsp0sp1tsdq\x00rrcKbsp2TB"))
	f.Add([]byte("bbsspuvwrtlLcKbspRxBpcKlbpspspTTcKL"))
	f.Add([]byte("bpdplsdpRrcbsrpabpdBsptKp"))
	s := open(f, "", Options{MemoryOnly: true})
	hubs := 0
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) > 200 {
			return
		}
		hubs++
		db := s.Hub("Chat", fmt.Sprint(hubs))
		states := []map[string]string{{}} // what is committed; then what the transaction and each savepoint see
		inTx := func() bool { return len(states) > 1 }
		for i, b := range script {
			now := states[len(states)-1]
			key := strings.Repeat(string(rune('a'+b%5)), int(b)%3+1)
			switch b % 11 {
			case 0:
				if err := db.Begin(); inTx() {
					require.ErrorIs(t, err, ErrTransaction)
				} else {
					require.NoError(t, err)
					states = append(states, maps.Clone(now))
				}
			case 1, 2, 3:
				if err := db.Put(key, []byte{b, byte(i)}); inTx() {
					require.NoError(t, err)
					now[key] = string([]byte{b, byte(i)})
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 4:
				if existed, err := db.Delete(key); inTx() {
					require.NoError(t, err)
					_, want := now[key]
					require.Equal(t, want, existed)
					delete(now, key)
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 5, 6:
				if err := db.Savepoint(); inTx() {
					require.NoError(t, err)
					states = append(states, maps.Clone(now))
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 7:
				if err := db.Release(); len(states) > 2 {
					require.NoError(t, err)
					states = append(states[:len(states)-2], now)
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 8:
				if err := db.RollbackTo(); len(states) > 2 {
					require.NoError(t, err)
					states = states[:len(states)-1]
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 9:
				if err := db.Commit(); len(states) == 2 {
					require.NoError(t, err)
					states = states[1:]
				} else {
					require.ErrorIs(t, err, ErrTransaction)
				}
			case 10:
				switch err := db.Rollback(); {
				case inTx():
					require.NoError(t, err)
					states = states[:1]
				default:
					require.ErrorIs(t, err, ErrTransaction)
					require.NoError(t, db.Close())
				}
			}
			compare(t, db, states[len(states)-1], b)
		}
		if inTx() {
			require.NoError(t, db.Rollback())
		}
		require.NoError(t, db.Close())
		compare(t, db, states[0], 0)
	})
}

// compare lists a range that depends on b.
func compare(t *testing.T, db *DB, want map[string]string, b byte) {
	t.Helper()
	opts := ListOptions{Reverse: b&1 != 0, Limit: int(b % 4)}
	if b&2 != 0 {
		opts.StartAfter = "bb"
	}
	if b&4 != 0 {
		opts.End = "dd"
	}
	if b&8 != 0 {
		opts.Prefix = "c"
	}
	expected := slices.DeleteFunc(slices.Sorted(maps.Keys(want)), func(k string) bool {
		return k <= opts.StartAfter || opts.End != "" && k >= opts.End || !strings.HasPrefix(k, opts.Prefix)
	})
	if opts.Reverse {
		slices.Reverse(expected)
	}
	if opts.Limit > 0 {
		expected = expected[:min(opts.Limit, len(expected))]
	}
	keys := []string{}
	require.NoError(t, db.List(opts, func(k string, v []byte) bool {
		require.Equal(t, want[k], string(v))
		keys = append(keys, k)
		return true
	}))
	require.Equal(t, append([]string{}, expected...), keys, "%+v", opts)
}
