package abi_test

import (
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/abi"
	"github.com/hubbub-edge/hubbub/actor"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var (
	hubA = actor.Address{Class: "Hub", Name: "a"}
	at   = time.UnixMilli(1_700_000_000_123)

	inputs = []*actor.Input{
		{Kind: actor.InputWake, Hub: hubA, Now: at},
		{Kind: actor.InputWake, Hub: hubA, Now: at, Sessions: []actor.SessionState{
			{ID: "one", State: []byte{1, 2}}, {ID: "two"},
		}},
		{Kind: actor.InputRequest, Hub: hubA, Now: at, Request: &actor.Request{
			Method: "POST", Path: "/hubs/a/events", RawQuery: "event=x", Body: []byte("body"), BodyTruncated: true, Meta: []byte("m"),
			Header: actor.Header{{Name: "accept", Value: "*/*"}, {Name: "empty", Value: ""}},
		}},
		{Kind: actor.InputRequest, Hub: hubA, Now: at, Request: &actor.Request{Method: "GET", Path: "/"}},
		{Kind: actor.InputLeave, Hub: hubA, Now: at, Session: "one", Reason: actor.LeaveSlow},
		{Kind: actor.InputForget, Hub: hubA, Now: at},
		{Kind: actor.InputContinue, Hub: hubA, Now: at, Session: "one"},
		{Kind: actor.InputTimer, Hub: actor.Address{Class: "Größe", Name: "👋"}, Now: at, Timer: "connections"},
	}
	outputs = []*actor.Output{
		{NeedWake: true},
		{Failure: "hub Hub/a: panic", Response: &actor.Response{Status: 500, Body: []byte("x")}},
		{},
		{Response: &actor.Response{Status: 204, Header: actor.Header{{Name: "a", Value: "b"}}}},
		{
			Response: &actor.Response{Status: 200},
			Opened:   &actor.SessionState{ID: "one", State: []byte{1}},
			Effects: []actor.Effect{
				{Kind: actor.EffectSend, Data: []byte("data: x\n\n")},
				{Kind: actor.EffectSend, Session: "one", Data: []byte("y")},
				{Kind: actor.EffectSend, Data: []byte("z"), Except: []string{"one", "two"}, Ephemeral: true, Key: "k"},
				{Kind: actor.EffectContinue, Session: "one"},
				{Kind: actor.EffectSave, Session: "one", Data: []byte{7}},
				{Kind: actor.EffectClose, Session: "one"},
				{Kind: actor.EffectSetTimer, Timer: "t", Delay: 50 * time.Millisecond},
				{Kind: actor.EffectClearTimer, Timer: "t"},
			},
		},
	}
	decisions = []*actor.Decision{
		{}, {Hub: hubA}, {Hub: hubA, Meta: []byte("m")}, {Answer: &actor.Response{Status: 404, Header: actor.Header{{Name: "a", Value: "b"}}, Body: []byte("x")}},
	}
)

func TestInputRoundTrip(t *testing.T) {
	for _, in := range inputs {
		got, err := abi.DecodeInput(abi.AppendInput(nil, in))
		require.NoError(t, err)
		assert.Equal(t, in, got)
	}
}

func TestOutputRoundTrip(t *testing.T) {
	for _, out := range outputs {
		got, err := abi.DecodeOutput(abi.AppendOutput(nil, out))
		require.NoError(t, err)
		assert.Equal(t, out, got)
	}
}

func TestDecisionRoundTrip(t *testing.T) {
	for _, d := range decisions {
		got, err := abi.DecodeDecision(abi.AppendDecision(nil, d))
		require.NoError(t, err)
		assert.Equal(t, d, got)
	}
}

func TestDescriptionRoundTrip(t *testing.T) {
	d := &abi.Description{
		Header: actor.Header{{Name: "a", Value: "b"}},
		Classes: []abi.ClassDescription{
			{Name: "Hub", MaxBody: 1, SessionBuffer: 2, Heartbeat: 3 * time.Second, Slow: actor.SlowDrop}, {Name: "Other"},
		},
	}
	b := abi.AppendDescription(nil, d)
	got, err := abi.DecodeDescription(b)
	require.NoError(t, err)
	assert.Equal(t, d, got)

	b[0]++
	_, err = abi.DecodeDescription(b)
	var version *abi.VersionError
	require.ErrorAs(t, err, &version)
	assert.Equal(t, abi.Version+1, version.Program)
}

// The wire format is what the doc comments say: a host in another language is written from them.
func TestWire(t *testing.T) {
	in := &actor.Input{Kind: actor.InputTimer, Hub: hubA, Now: time.UnixMilli(0x0102), Timer: "t"}
	assert.Equal(t, []byte("\x04\x03\x00\x00\x00Hub\x01\x00\x00\x00a\x02\x01\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00t"),
		abi.AppendInput(nil, in))
	r := &actor.Request{Method: "GET", Path: "/hubs/a/events", Header: actor.Header{{Name: "accept", Value: "*/*"}}}
	assert.Equal(t, "\x1f\x00\x00\x00GET\n/hubs/a/events\n\naccept\n*/*\n", string(abi.AppendRoute(nil, r)))
	assert.Equal(t, "\x02\x03\x00\x00\x00Hub\x01\x00\x00\x00a\x00\x00\x00\x00", string(abi.AppendDecision(nil, &actor.Decision{Hub: hubA})))
}

func TestPage(t *testing.T) {
	type entry struct {
		key   string
		value string
	}
	read := func(b []byte) (got []entry, more bool, last string) {
		more, last, err := abi.DecodePage(b, func(key string, value []byte) bool {
			got = append(got, entry{key, string(value)})
			return true
		})
		require.NoError(t, err)
		return got, more, last
	}
	p := abi.NewPage(25)
	got, more, _ := read(p.Bytes())
	assert.Empty(t, got)
	assert.False(t, more)
	assert.True(t, p.Add("a", []byte("1")))
	assert.True(t, p.Add("b", []byte("2")))
	assert.False(t, p.Add("c", []byte("longer")))
	got, more, last := read(p.Bytes())
	assert.Equal(t, []entry{{"a", "1"}, {"b", "2"}}, got)
	assert.True(t, more)
	assert.Equal(t, "b", last)

	p = abi.NewPage(4)
	assert.True(t, p.Add("a", []byte("too large for the page")), "the first entry must find room")
	assert.Greater(t, len(p.Bytes()), 4)
}

func TestListRoundTrip(t *testing.T) {
	opts := actor.ListOptions{Prefix: "p", Start: "s", StartAfter: "a", End: "e", Reverse: true, Limit: 7}
	got, err := abi.DecodeList(abi.AppendList(nil, opts))
	require.NoError(t, err)
	assert.Equal(t, opts, got)
}

// Every decoder takes what its encoder makes, and refuses everything else: what it accepts encodes to the same bytes.
func fuzz[T any](f *testing.F, decode func([]byte) (T, error), encode func([]byte, T) []byte) {
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := decode(b)
		if err != nil {
			assert.ErrorIs(t, err, abi.ErrMalformed)
			return
		}
		assert.Equal(t, b, encode(nil, v))
	})
}

func FuzzDecodeInput(f *testing.F) {
	for _, in := range inputs {
		f.Add(abi.AppendInput(nil, in))
	}
	fuzz(f, abi.DecodeInput, abi.AppendInput)
}

func FuzzDecodeOutput(f *testing.F) {
	for _, out := range outputs {
		f.Add(abi.AppendOutput(nil, out))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		out, err := abi.DecodeOutput(b)
		if err != nil {
			assert.ErrorIs(t, err, abi.ErrMalformed)
			return
		}
		again, err := abi.DecodeOutput(abi.AppendOutput(nil, out))
		require.NoError(t, err)
		assert.Equal(t, len(out.Effects), len(again.Effects))
	})
}

func FuzzDecodeDecision(f *testing.F) {
	for _, d := range decisions {
		f.Add(abi.AppendDecision(nil, d))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := abi.DecodeDecision(b); err != nil {
			assert.ErrorIs(t, err, abi.ErrMalformed)
		}
	})
}

func FuzzDecodeList(f *testing.F) {
	f.Add(abi.AppendList(nil, actor.ListOptions{Prefix: "p", Limit: 1}))
	fuzz(f, abi.DecodeList, abi.AppendList)
}

func FuzzDecodePage(f *testing.F) {
	p := abi.NewPage(100)
	p.Add("a", []byte("1"))
	f.Add(p.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, err := abi.DecodePage(b, func(string, []byte) bool { return true })
		if err != nil {
			assert.ErrorIs(t, err, abi.ErrMalformed)
		}
	})
}

func BenchmarkPublish(b *testing.B) {
	in := inputs[2]
	out := outputs[4]
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = abi.AppendInput(buf[:0], in)
		if _, err := abi.DecodeInput(buf); err != nil {
			b.Fatal(err)
		}
		buf = abi.AppendOutput(buf[:0], out)
		if _, err := abi.DecodeOutput(buf); err != nil {
			b.Fatal(err)
		}
	}
}
