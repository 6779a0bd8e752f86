package sse

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/require"
)

func decodeAll(t testing.TB, r io.Reader) ([]Item, *Decoder) {
	t.Helper()
	d := NewDecoder(r)
	var items []Item
	for {
		item, err := d.Next()
		if errors.Is(err, io.EOF) {
			return items, d
		}
		require.NoError(t, err)
		items = append(items, item)
	}
}

func event(name, data, id string, hasID bool) Item {
	return Item{Kind: KindEvent, Event: Event{Name: name, Data: data, LastEventID: id, HasID: hasID}}
}

func TestDecoder(t *testing.T) {
	comment := func(s string) Item { return Item{Kind: KindComment, Comment: s} }
	retry := func(ms int) Item { return Item{Kind: KindRetry, Retry: time.Duration(ms) * time.Millisecond} }
	for name, tc := range map[string]struct {
		in   string
		want []Item
	}{
		"lf":                       {"data: a\n\n", []Item{event("message", "a", "", false)}},
		"crlf":                     {"data: a\r\n\r\n", []Item{event("message", "a", "", false)}},
		"cr":                       {"data: a\r\r", []Item{event("message", "a", "", false)}},
		"cr then lf is one end":    {"data: a\r\ndata: b\r\n\r\n", []Item{event("message", "a\nb", "", false)}},
		"lf cr is two ends":        {"data: a\n\rdata: b\n\n", []Item{event("message", "a", "", false), event("message", "b", "", false)}},
		"bom once":                 {"\uFEFFdata: a\n\n", []Item{event("message", "a", "", false)}},
		"bom twice":                {"\uFEFF\uFEFFdata: a\n\n", nil},
		"bom not at start":         {"data: a\n\n\uFEFFdata: b\n\n", []Item{event("message", "a", "", false)}},
		"half a bom":               {"\xEF\xBBdata: a\n\n", nil},
		"one space is taken":       {"data:  a\ndata:b\ndata:\tc\n\n", []Item{event("message", " a\nb\n\tc", "", false)}},
		"empty data":               {"data\n\ndata:\n\ndata: \n\n", []Item{event("message", "", "", false), event("message", "", "", false), event("message", "", "", false)}},
		"two empty lines":          {"data\ndata\n\n", []Item{event("message", "\n", "", false)}},
		"no data, no event":        {"event: x\n\ndata: a\n\n", []Item{event("message", "a", "", false)}},
		"named":                    {"event: x\ndata: a\n\n", []Item{event("x", "a", "", false)}},
		"last name wins":           {"event: x\nevent: y\ndata: a\n\n", []Item{event("y", "a", "", false)}},
		"empty name":               {"event:\ndata: a\n\n", []Item{event("message", "a", "", false)}},
		"id is kept":               {"id: 1\ndata: a\n\ndata: b\n\n", []Item{event("message", "a", "1", true), event("message", "b", "1", false)}},
		"id is reset":              {"id: 1\ndata: a\n\nid\ndata: b\n\n", []Item{event("message", "a", "1", true), event("message", "b", "", true)}},
		"id with nul":              {"id: 1\ndata: a\n\nid: 2\x00\ndata: b\n\n", []Item{event("message", "a", "1", true), event("message", "b", "1", false)}},
		"id without data":          {"id: 1\n\ndata: a\n\n", []Item{event("message", "a", "1", false)}},
		"nul in data":              {"data: a\x00b\n\n", []Item{event("message", "a\x00b", "", false)}},
		"comment":                  {":\n: x\n:y: z\ndata: a\n\n", []Item{comment(""), comment(" x"), comment("y: z"), event("message", "a", "", false)}},
		"retry":                    {"retry: 100\nretry: 1e3\nretry: -1\nretry:\nretry: 2 \nretry:07\n", []Item{retry(100), retry(7)}},
		"unknown fields":           {"Data: a\n data: a\ndatax: b\nfoo\n\n", nil},
		"unfinished event":         {"data: a\n\ndata: b\n", []Item{event("message", "a", "", false)}},
		"unfinished line":          {"data: a\n\ndata: b", []Item{event("message", "a", "", false)}},
		"colon in data":            {"data: a: b\n\n", []Item{event("message", "a: b", "", false)}},
		"not utf-8":                {"data: \xE2\x82|\xC0\x80|\xED\xA0\x80|\xF0\x9F\x92\n\n", []Item{event("message", "\uFFFD|\uFFFD\uFFFD|\uFFFD\uFFFD\uFFFD|\uFFFD", "", false)}},
		"nothing":                  {"", nil},
		"only line ends":           {"\r\n\n\r", nil},
		"event survives a comment": {"data: a\n: c\ndata: b\n\n", []Item{comment(" c"), event("message", "a\nb", "", false)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, _ := decodeAll(t, strings.NewReader(tc.in))
			require.Equal(t, tc.want, got)
			got, _ = decodeAll(t, iotest.OneByteReader(strings.NewReader(tc.in)))
			require.Equal(t, tc.want, got, "byte by byte")
		})
	}
}

func TestDecoderLastEventID(t *testing.T) {
	_, d := decodeAll(t, strings.NewReader("id: 1\ndata: a\n\nid: 2\n\nid: 3\ndata: lost\n"))
	require.Equal(t, "2", d.LastEventID(), "a block without data sets the id, an unfinished one does not")
}

func TestDecoderDispatchesAtCR(t *testing.T) {
	r, w := io.Pipe()
	defer r.Close()
	go func() { _, _ = w.Write([]byte("data: a\r\r")) }() // Never closed: the event must not wait for more.
	item, err := NewDecoder(r).Next()
	require.NoError(t, err)
	require.Equal(t, event("message", "a", "", false), item)
}

func TestDecoderReportsReadErrors(t *testing.T) {
	broken := errors.New("broken")
	_, err := NewDecoder(iotest.ErrReader(broken)).Next()
	require.ErrorIs(t, err, broken)
}

func TestDecoderLineTooLong(t *testing.T) {
	_, err := NewDecoder(io.LimitReader(zeros{}, MaxLine+1)).Next()
	require.ErrorIs(t, err, ErrLineTooLong)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// FuzzDecoder compares the Decoder, fed whole and byte by byte, with a direct
// transcription of the standard that works on the complete text.
func FuzzDecoder(f *testing.F) {
	for _, seed := range []string{
		"data: a\n\n", "\uFEFFid: 1\r\ndata: a\r\rdata: b\n\r\n", "id: \x00\nretry: 12\n: c\n\nevent: x\ndata\n\n",
		"data: \xE2\x82\n\n", "\xEF\xBB", "data: a\r\n\r\ndata: b",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		want := decodeWhole(in)
		got, _ := decodeAll(t, bytes.NewReader(in))
		require.Equal(t, want, got)
		got, _ = decodeAll(t, iotest.OneByteReader(bytes.NewReader(in)))
		require.Equal(t, want, got, "byte by byte")
	})
}

func decodeWhole(in []byte) (items []Item) {
	text := strings.TrimPrefix(decodeUTF8(in), "\uFEFF")
	text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	lines := strings.Split(text, "\n")
	var name, id string
	var data []string
	hasID := false
	for _, line := range lines[:len(lines)-1] {
		field, value, colon := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if data != nil {
				if name == "" {
					name = "message"
				}
				items = append(items, event(name, strings.Join(data, "\n"), id, hasID))
			}
			name, data, hasID = "", nil, false
		case colon && field == "":
			items = append(items, Item{Kind: KindComment, Comment: line[1:]})
		case field == "event":
			name = value
		case field == "data":
			data = append(data, value)
		case field == "id" && !strings.Contains(value, "\x00"):
			id, hasID = value, true
		case field == "retry":
			if ms, ok := parseRetry(value); ok {
				items = append(items, Item{Kind: KindRetry, Retry: ms})
			}
		}
	}
	return items
}
