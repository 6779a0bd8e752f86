package actor

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Event is one Server-Sent Event.
type Event struct {
	// ID is the event's id, which a client sends back as Last-Event-ID when it reconnects. Empty means no id line,
	// which leaves the client's last event id as it was.
	ID string
	// Name is the event's name, on which a client listens. Empty means the default, "message".
	Name string
	// Data is the payload: UTF-8 text. CR, LF and CRLF in it are line ends, each of which arrives as LF.
	Data string
	// Retry is how long the client should wait before it reconnects; 0 leaves it as it was. It is sent in whole
	// milliseconds.
	Retry time.Duration
	// Key is not sent. In a hub whose class has [SlowCoalesce], what waits for a client that lags is replaced by a later
	// event of the same key.
	Key string
}

// ErrField is what every [FieldError] is, for [errors.Is].
var ErrField = errors.New("actor: invalid event field")

// FieldError says which field of an [Event] cannot be put on the wire, and why. Nothing is ever stripped silently: a
// CR or LF in a one-line field would let whoever controls it forge events.
type FieldError struct {
	Field  string // "id", "event", "data" or "retry"
	Reason string
}

func (e *FieldError) Error() string { return "actor: event field " + e.Field + ": " + e.Reason }

// Is reports whether target is [ErrField].
func (e *FieldError) Is(target error) bool { return target == ErrField }

// AppendEvent appends e to dst in the event stream format of the WHATWG standard
// (https://html.spec.whatwg.org/multipage/server-sent-events.html#parsing-an-event-stream) and returns the extended
// slice. It fails with a [FieldError], and leaves dst as it was, when a field cannot be represented: CR, LF or NUL in
// ID or Name, text that is not UTF-8, a negative Retry.
func AppendEvent(dst []byte, e Event) ([]byte, error) {
	if err := e.check(); err != nil {
		return dst, err
	}
	if e.ID != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, e.ID...)
		dst = append(dst, '\n')
	}
	if e.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, e.Name...)
		dst = append(dst, '\n')
	}
	if e.Retry > 0 {
		dst = append(dst, "retry: "...)
		dst = strconv.AppendInt(dst, e.Retry.Milliseconds(), 10)
		dst = append(dst, '\n')
	}
	dst = appendData(dst, e.Data)
	return append(dst, '\n'), nil
}

// appendData appends one data line per line of data. An event without a data line is not dispatched by a client, so
// that empty data is one empty line. The space after the colon is needed: a client strips one.
func appendData(dst []byte, data string) []byte {
	for {
		dst = append(dst, "data: "...)
		end := strings.IndexAny(data, "\r\n")
		if end < 0 {
			dst = append(dst, data...)
			return append(dst, '\n')
		}
		dst = append(dst, data[:end]...)
		dst = append(dst, '\n')
		if data[end] == '\r' && end+1 < len(data) && data[end+1] == '\n' {
			end++
		}
		data = data[end+1:]
	}
}

// AppendComment appends text as comment lines, which clients ignore, and an empty line behind them. Any text is
// fine: its line ends begin further comment lines.
func AppendComment(dst []byte, text string) []byte {
	for line := range strings.Lines(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)) {
		dst = append(dst, ": "...)
		dst = append(dst, strings.TrimSuffix(line, "\n")...)
		dst = append(dst, '\n')
	}
	if text == "" {
		dst = append(dst, ":\n"...)
	}
	return append(dst, '\n')
}

func (e Event) check() error {
	if err := checkLine("id", e.ID); err != nil {
		return err
	}
	if err := checkLine("event", e.Name); err != nil {
		return err
	}
	if !utf8.ValidString(e.Data) {
		return &FieldError{"data", "is not UTF-8"}
	}
	if e.Retry < 0 {
		return &FieldError{"retry", "is negative"}
	}
	return nil
}

func checkLine(field, value string) error {
	if i := strings.IndexAny(value, "\r\n\x00"); i >= 0 {
		return &FieldError{field, fmt.Sprintf("contains %q", value[i])}
	}
	if !utf8.ValidString(value) {
		return &FieldError{field, "is not UTF-8"}
	}
	return nil
}
