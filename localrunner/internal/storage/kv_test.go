package storage

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGetPutDelete(t *testing.T) {
	each(t, func(t *testing.T, s *Store) {
		db := s.Hub("Chat", "lobby")
		require.NoError(t, db.Begin())
		for _, v := range [][]byte{[]byte("one"), {}, nil, {0, 0xff, 0}, bytes.Repeat([]byte("x"), 100_000)} {
			require.NoError(t, db.Put("k", v))
			got, ok, err := db.Get("k")
			require.NoError(t, err)
			assert.True(t, ok)
			assert.NotNil(t, got, "an empty value is a value")
			assert.True(t, bytes.Equal(v, got))
		}
		existed, err := db.Delete("k")
		require.NoError(t, err)
		assert.True(t, existed)
		existed, err = db.Delete("k")
		require.NoError(t, err)
		assert.False(t, existed)
		got, ok, err := db.Get("k")
		require.NoError(t, err)
		assert.False(t, ok)
		assert.Nil(t, got)
		require.NoError(t, db.Commit())
	})
}

func TestValueIsACopy(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	db := s.Hub("Chat", "lobby")
	write(t, db, "a", "first", "b", "other")
	got, _, err := db.Get("a")
	require.NoError(t, err)
	_, _, err = db.Get("b")
	require.NoError(t, err)
	assert.Equal(t, "first", string(got))
	got[0] = 'X'
	assert.Equal(t, "a=first b=other", dump(t, db))
}

func TestLimits(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	db := s.Hub("Chat", "lobby")
	require.NoError(t, db.Begin())
	long := strings.Repeat("k", MaxKey)
	require.NoError(t, db.Put(long, make([]byte, MaxEntry-MaxKey)))
	got, ok, err := db.Get(long)
	require.NoError(t, err)
	assert.True(t, ok)
	assert.Len(t, got, MaxEntry-MaxKey)
	require.NoError(t, db.Put("", []byte("empty key")))
	require.NoError(t, db.Put("nul\x00key", []byte("v")))

	require.ErrorIs(t, db.Put(long, make([]byte, MaxEntry-MaxKey+1)), ErrTooLarge)
	for _, key := range []string{long + "k", "\xff", "a\xc3"} {
		require.ErrorIs(t, db.Put(key, nil), ErrKey)
		_, _, err := db.Get(key)
		require.ErrorIs(t, err, ErrKey)
		_, err = db.Delete(key)
		require.ErrorIs(t, err, ErrKey)
	}
	var keys []string
	require.NoError(t, db.List(ListOptions{}, func(k string, _ []byte) bool { keys = append(keys, k); return true }))
	assert.Equal(t, []string{"", long, "nul\x00key"}, keys, "a refused write changes nothing")
	require.NoError(t, db.Commit())
}

func TestList(t *testing.T) {
	// In the order of UTF-8 bytes, which is not the order of UTF-16 units that JavaScript sorts by: U+FFFD comes
	// before U+1F600 here.
	all := []string{"A", "a", "a\x00", "a\x00b", "a/1", "a/10", "a/2", "ab", "b", "z", "é", "日", "\uffff", "😀", "\U0010ffff",
		"\U0010ffff\U0010ffff"}
	require.True(t, slices.IsSorted(all))
	tests := []struct {
		name string
		opts ListOptions
		want []string
	}{
		{"all", ListOptions{}, all},
		{"start is inclusive", ListOptions{Start: "b"}, all[8:]},
		{"start between keys", ListOptions{Start: "c"}, all[9:]},
		{"start after is exclusive", ListOptions{StartAfter: "b"}, all[9:]},
		{"start after stops at the very next string", ListOptions{StartAfter: "a"}, all[2:]},
		{"start after the last", ListOptions{StartAfter: all[len(all)-1]}, nil},
		{"end is exclusive", ListOptions{End: "a"}, all[:1]},
		{"end before start", ListOptions{Start: "b", End: "a"}, nil},
		{"end at start", ListOptions{Start: "b", End: "b"}, nil},
		{"range", ListOptions{Start: "a/1", End: "b"}, all[4:8]},
		{"range, start after", ListOptions{StartAfter: "a/1", End: "b"}, all[5:8]},
		{"prefix", ListOptions{Prefix: "a/"}, all[4:7]},
		{"prefix is itself a key", ListOptions{Prefix: "a/1"}, all[4:6]},
		{"prefix of nothing", ListOptions{Prefix: "q"}, nil},
		{"prefix of several bytes", ListOptions{Prefix: "é"}, []string{"é"}},
		{"prefix ends in byte 0xBF", ListOptions{Prefix: "\uffff"}, []string{"\uffff"}},
		{"prefix is the last code point", ListOptions{Prefix: "\U0010ffff"}, all[14:]},
		{"prefix and start", ListOptions{Prefix: "a/", Start: "a/10"}, all[5:7]},
		{"prefix and an earlier start", ListOptions{Prefix: "a/", Start: "A"}, all[4:7]},
		{"prefix and a later start", ListOptions{Prefix: "a/", Start: "b"}, nil},
		{"prefix and end", ListOptions{Prefix: "a/", End: "a/2"}, all[4:6]},
		{"prefix and a later end", ListOptions{Prefix: "a/", End: "z"}, all[4:7]},
		{"limit", ListOptions{Limit: 2}, all[:2]},
		{"limit beyond the end", ListOptions{Limit: 100}, all},
		{"limit after bounds", ListOptions{Prefix: "a/", Limit: 2}, all[4:6]},
		{"start and its case", ListOptions{Start: "B", End: "b"}, all[1:8]},
	}
	each(t, func(t *testing.T, s *Store) {
		db := s.Hub("Chat", "lobby")
		require.NoError(t, db.Begin())
		for _, k := range slices.Backward(all) {
			require.NoError(t, db.Put(k, []byte("="+k)))
		}
		require.NoError(t, db.Commit())
		list := func(opts ListOptions) (keys []string) {
			require.NoError(t, db.List(opts, func(k string, v []byte) bool {
				assert.Equal(t, "="+k, string(v))
				keys = append(keys, k)
				return true
			}))
			return keys
		}
		for _, test := range tests {
			assert.Equal(t, test.want, list(test.opts), test.name)
			if test.opts.Limit == 0 {
				want := slices.Clone(test.want)
				slices.Reverse(want)
				test.opts.Reverse = true
				assert.Equal(t, want, list(test.opts), "%s, reversed", test.name)
			}
		}
		assert.Equal(t, []string{"a/2", "a/10"}, list(ListOptions{Prefix: "a/", Reverse: true, Limit: 2}),
			"a reversed list is limited from its greatest key")
	})
}

func TestListRefuses(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	db := s.Hub("Chat", "lobby")
	for _, opts := range []ListOptions{
		{Start: "a", StartAfter: "b"}, {Limit: -1}, {Prefix: "\xff"}, {Start: "\xc3"}, {End: "\x80"}, {StartAfter: "\xf0\x9f"},
	} {
		require.ErrorIs(t, db.List(opts, func(string, []byte) bool { return true }), ErrListOptions, "%+v", opts)
	}
}

func TestListIsExclusive(t *testing.T) {
	s := open(t, "", Options{MemoryOnly: true})
	db := s.Hub("Chat", "lobby")
	write(t, db, "a", "1", "b", "2")
	calls := 0
	require.NoError(t, db.List(ListOptions{}, func(string, []byte) bool {
		calls++
		_, _, err := db.Get("a")
		require.ErrorIs(t, err, ErrListing)
		require.ErrorIs(t, db.Begin(), ErrListing)
		require.ErrorIs(t, db.Close(), ErrListing)
		return false
	}))
	assert.Equal(t, 1, calls, "false ends the list")
	assert.Panics(t, func() {
		_ = db.List(ListOptions{}, func(string, []byte) bool { panic("in yield") })
	})
	assert.Equal(t, "a=1 b=2", dump(t, db), "usable after a panic")
}
