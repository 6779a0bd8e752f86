package actor

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// memory is the least Storage that the log needs, and counts what is asked of it.
type memory struct {
	data  map[string][]byte
	calls int
}

func (m *memory) Get(key string) ([]byte, bool, error) {
	m.calls++
	v, ok := m.data[key]
	return v, ok, nil
}

func (m *memory) Put(key string, value []byte) error {
	m.calls++
	m.data[key] = value
	return nil
}

func (m *memory) Delete(key string) (bool, error) {
	m.calls++
	_, ok := m.data[key]
	delete(m.data, key)
	return ok, nil
}

func (m *memory) List(o ListOptions, yield func(string, []byte) bool) error {
	m.calls++
	keys := slices.DeleteFunc(slices.Sorted(maps.Keys(m.data)), func(k string) bool { return !strings.HasPrefix(k, o.Prefix) })
	if o.Reverse {
		slices.Reverse(keys)
	}
	for _, k := range keys {
		if !yield(k, m.data[k]) {
			break
		}
	}
	return nil
}

func zero(p []byte) { clear(p) }

func limits(t *testing.T, l LogLimits) LogLimits {
	l, err := l.withDefaults()
	require.NoError(t, err)
	return l
}

func TestLogIsBounded(t *testing.T) {
	start := time.UnixMilli(1e12)
	for name, c := range map[string]struct {
		limits LogLimits
		data   string
		step   time.Duration
		kept   uint64
	}{
		"by count": {LogLimits{Count: 10}, "x", 0, 10},
		"by bytes": {LogLimits{Bytes: 1000}, strings.Repeat("x", 100), 0, 10},
		"by age":   {LogLimits{Age: time.Minute}, "x", 6 * time.Second, 11},
		"an event larger than all that may be kept": {LogLimits{Bytes: 10}, strings.Repeat("x", 100), 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			m := &memory{data: map[string][]byte{}}
			l := eventLog{limits: limits(t, c.limits)}
			now := start
			for i := range 100 {
				e := Event{Data: c.data}
				require.NoError(t, l.append(m, now, zero, &e, ""))
				assert.Equal(t, l.id(uint64(i+1)), e.ID)
				now = now.Add(c.step)
				if i%10 == 0 { // what is read back is what was in memory
					again := eventLog{limits: l.limits}
					require.NoError(t, again.load(m))
					assert.Equal(t, l, again)
				}
			}
			assert.Equal(t, c.kept, l.last-l.first+1)
			assert.Len(t, m.data, int(c.kept)+1)
		})
	}
}

// However long the log, publishing costs the same, also once events leave, and so does waking.
func TestLogCost(t *testing.T) {
	m := &memory{data: map[string][]byte{}}
	l := eventLog{limits: limits(t, LogLimits{Count: 500})}
	for i := range 2000 {
		before := m.calls
		require.NoError(t, l.append(m, time.UnixMilli(1e12), zero, &Event{Data: "x"}, ""))
		if i > 0 {
			assert.LessOrEqual(t, m.calls-before, 3)
		}
	}
	before := m.calls
	again := eventLog{limits: l.limits}
	require.NoError(t, again.load(m))
	assert.Equal(t, 3, m.calls-before)
}

// A lowered limit does not make one publish pay for all.
func TestLogShrinksInSteps(t *testing.T) {
	m := &memory{data: map[string][]byte{}}
	l := eventLog{limits: limits(t, LogLimits{})}
	for range 500 {
		require.NoError(t, l.append(m, time.UnixMilli(1e12), zero, &Event{Data: "x"}, ""))
	}
	l = eventLog{limits: limits(t, LogLimits{Count: 10})}
	for l.last-l.first+1 > 10 || l.last == 0 {
		before := m.calls
		require.NoError(t, l.append(m, time.UnixMilli(1e12), zero, &Event{Data: "x"}, ""))
		assert.LessOrEqual(t, m.calls-before, 4+2*trimSlice)
		require.Less(t, l.last, uint64(600), "it does not shrink")
	}
}

func TestLogRefusesDamage(t *testing.T) {
	m := &memory{data: map[string][]byte{}}
	l := eventLog{limits: limits(t, LogLimits{})}
	require.NoError(t, l.append(m, time.UnixMilli(1e12), zero, &Event{Data: "x"}, ""))
	m.data[logKey(1)] = []byte("damaged")
	again := eventLog{}
	assert.ErrorIs(t, again.load(m), ErrStorage)
}

func FuzzLogEntry(f *testing.F) {
	f.Add(logEntry{at: time.UnixMilli(1), total: 3, once: "k", name: "a", data: "bc"}.encode())
	f.Add([]byte{logEntryVersion})
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := decodeLogEntry(b)
		if err != nil {
			assert.ErrorIs(t, err, ErrStorage)
			return
		}
		assert.Equal(t, b, e.encode())
	})
}

func FuzzSessionState(f *testing.F) {
	f.Add((&Session{id: "a", joined: time.UnixMilli(5), resumed: "x-1", next: 7, meta: []byte("m")}).encode().State)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := decodeSession(SessionState{ID: "a", State: b})
		if err == nil {
			assert.Equal(t, b, s.encode().State)
		}
	})
}

func TestCheckedStorage(t *testing.T) {
	m := &memory{data: map[string][]byte{reserved + "x": nil, "a": nil, "i": nil, "z": nil}}
	s := checkedStorage{m}
	for _, key := range []string{"", reserved + "x", "\xff", strings.Repeat("x", MaxKey+1)} {
		_, _, err := s.Get(key)
		assert.ErrorIs(t, err, ErrKey)
		assert.ErrorIs(t, s.Put(key, nil), ErrKey)
		_, err = s.Delete(key)
		assert.ErrorIs(t, err, ErrKey)
	}
	assert.ErrorIs(t, s.Put("a", make([]byte, MaxEntry)), ErrTooLarge)

	list := func(o ListOptions) (keys []string) {
		require.NoError(t, s.List(o, func(key string, _ []byte) bool {
			keys = append(keys, key)
			return true
		}))
		return keys
	}
	assert.Equal(t, []string{"a", "i", "z"}, list(ListOptions{}))
	assert.Equal(t, []string{"a", "i"}, list(ListOptions{Limit: 2}))
	assert.Empty(t, list(ListOptions{Prefix: "hub"}))
}
