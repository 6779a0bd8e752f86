package actor_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/internal/sse"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppendEvent(t *testing.T) {
	for _, c := range []struct {
		name string
		in   actor.Event
		want string
	}{
		{"data alone", actor.Event{Data: "hello"}, "data: hello\n\n"},
		{"empty data is still dispatched", actor.Event{}, "data: \n\n"},
		{"all fields", actor.Event{ID: "e-1", Name: "chat", Data: "x", Retry: 1500 * time.Millisecond},
			"id: e-1\nevent: chat\nretry: 1500\ndata: x\n\n"},
		{"LF", actor.Event{Data: "a\nb"}, "data: a\ndata: b\n\n"},
		{"CRLF is one end", actor.Event{Data: "a\r\nb"}, "data: a\ndata: b\n\n"},
		{"lone CR", actor.Event{Data: "a\rb"}, "data: a\ndata: b\n\n"},
		{"LF CR are two ends", actor.Event{Data: "a\n\rb"}, "data: a\ndata: \ndata: b\n\n"},
		{"ends at the end", actor.Event{Data: "a\n"}, "data: a\ndata: \n\n"},
		{"a forged event stays data", actor.Event{Data: "x\n\nevent: admin\ndata: y"},
			"data: x\ndata: \ndata: event: admin\ndata: data: y\n\n"},
		{"leading space is kept", actor.Event{Data: " x"}, "data:  x\n\n"},
		{"NUL in data", actor.Event{Data: "a\x00b"}, "data: a\x00b\n\n"},
		{"UTF-8", actor.Event{Name: "größe", Data: "👋"}, "event: größe\ndata: 👋\n\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := actor.AppendEvent(nil, c.in)
			require.NoError(t, err)
			assert.Equal(t, c.want, string(got))
		})
	}
}

// A publisher that controls a one-line field could end it and write an event of its own.
func TestAppendEventRefuses(t *testing.T) {
	for _, c := range []struct {
		in    actor.Event
		field string
	}{
		{actor.Event{ID: "1\ndata: forged"}, "id"},
		{actor.Event{ID: "1\r"}, "id"},
		{actor.Event{ID: "1\x00"}, "id"},
		{actor.Event{Name: "a\nb"}, "event"},
		{actor.Event{Name: "a\rb"}, "event"},
		{actor.Event{Name: "a\x00b"}, "event"},
		{actor.Event{Name: "\xff"}, "event"},
		{actor.Event{Data: "\xff"}, "data"},
		{actor.Event{Retry: -1}, "retry"},
	} {
		before := []byte("before")
		got, err := actor.AppendEvent(before, c.in)
		var field *actor.FieldError
		require.ErrorAs(t, err, &field, "%+v", c.in)
		assert.Equal(t, c.field, field.Field)
		assert.ErrorIs(t, err, actor.ErrField)
		assert.Equal(t, "before", string(got))
	}
}

func TestAppendComment(t *testing.T) {
	assert.Equal(t, ":\n\n", string(actor.AppendComment(nil, "")))
	assert.Equal(t, ": a\n: b\n: data: c\n\n", string(actor.AppendComment(nil, "a\nb\r\ndata: c")))
}

// Whatever goes in comes out of a decoder that knows nothing of the encoder, as one event, or is refused.
func FuzzAppendEvent(f *testing.F) {
	f.Add("1", "chat", "a\r\nb\rc\n")
	f.Add("", "", "")
	f.Add("a\x00", "b\n", "\xff")
	f.Fuzz(func(t *testing.T, id, name, data string) {
		wire, err := actor.AppendEvent(nil, actor.Event{ID: id, Name: name, Data: data})
		if err != nil {
			assert.ErrorIs(t, err, actor.ErrField)
			return
		}
		d := sse.NewDecoder(bytes.NewReader(wire))
		item, err := d.Next()
		require.NoError(t, err)
		want := sse.Event{Name: name, Data: strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(data), LastEventID: id}
		if name == "" {
			want.Name = "message"
		}
		want.HasID = id != ""
		assert.Equal(t, want, item.Event)
		_, err = d.Next()
		assert.Error(t, err, "there is a second event")
	})
}

func BenchmarkAppendEvent(b *testing.B) {
	e := actor.Event{ID: "mwov0zc1-123", Name: "chat", Data: strings.Repeat("x", 100)}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = actor.AppendEvent(buf[:0], e)
	}
}
