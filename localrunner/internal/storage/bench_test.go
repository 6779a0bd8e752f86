package storage

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// entry returns a value of 100 bytes that differs from call to call: SQLite does not write, nor sync, a page that an
// equal value leaves as it was.
func entry(buf []byte, i int) []byte { return fmt.Appendf(buf[:0], "%0100d", i) }

func benchKeys() (keys [1000]string) {
	for i := range keys {
		keys[i] = fmt.Sprintf("event/%08d", i)
	}
	return keys
}

// BenchmarkFirstCommit is a hub's birth: open, schema, one key, commit, sleep.
func BenchmarkFirstCommit(b *testing.B) {
	s := open(b, b.TempDir(), Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		db := s.Hub("Chat", fmt.Sprint(i))
		write(b, db, "k", "v")
		require.NoError(b, db.Close())
	}
}

// BenchmarkWake is a sleeping hub that reads one key and sleeps again.
func BenchmarkWake(b *testing.B) {
	db := open(b, b.TempDir(), Options{}).Hub("Chat", "lobby")
	write(b, db, "k", "v")
	require.NoError(b, db.Close())
	b.ReportAllocs()
	for b.Loop() {
		_, _, _ = db.Get("k")
		_ = db.Close()
	}
}

// BenchmarkUnwritten is what storage costs a hub that stores nothing.
func BenchmarkUnwritten(b *testing.B) {
	db := open(b, b.TempDir(), Options{}).Hub("Chat", "lobby")
	b.ReportAllocs()
	for b.Loop() {
		_ = db.Begin()
		_ = db.Savepoint()
		_, _, _ = db.Get("k")
		_ = db.Release()
		_ = db.Commit()
	}
}

func BenchmarkGet(b *testing.B) {
	db := open(b, b.TempDir(), Options{}).Hub("Chat", "lobby")
	keys := benchKeys()
	require.NoError(b, db.Begin())
	for i, k := range keys {
		require.NoError(b, db.Put(k, entry(nil, i)))
	}
	require.NoError(b, db.Commit())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_, _, _ = db.Get(keys[i%len(keys)])
	}
}

// BenchmarkTurn is a turn that puts one key, without its share of the commit.
func BenchmarkTurn(b *testing.B) {
	db := open(b, b.TempDir(), Options{}).Hub("Chat", "lobby")
	keys, buf := benchKeys(), make([]byte, 0, 100)
	require.NoError(b, db.Begin())
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		_ = db.Savepoint()
		_ = db.Put(keys[i%len(keys)], entry(buf, i))
		_ = db.Release()
	}
	require.NoError(b, db.Commit())
}

// BenchmarkCommit is a durable commit of several turns, with one put each.
func BenchmarkCommit(b *testing.B) {
	for _, turns := range []int{1, 16, 256} {
		b.Run(fmt.Sprint(turns), func(b *testing.B) {
			db := open(b, b.TempDir(), Options{}).Hub("Chat", "lobby")
			keys, buf := benchKeys(), make([]byte, 0, 100)
			b.ReportAllocs()
			for i := 0; b.Loop(); {
				_ = db.Begin()
				for range turns {
					_ = db.Savepoint()
					_ = db.Put(keys[i%len(keys)], entry(buf, i))
					_ = db.Release()
					i++
				}
				require.NoError(b, db.Commit())
			}
			b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*turns), "µs/turn")
		})
	}
}
