package conformance

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// MaxLine is the length in bytes above which the [Decoder] gives up on a line
// that does not end. It is far above what the surface allows (64 KiB of data).
const MaxLine = 8 << 20

// ErrLineTooLong is returned by [Decoder.Next] for a line above [MaxLine].
var ErrLineTooLong = errors.New("conformance: event stream line is too long")

// Kind tells what an [Item] of an event stream is.
type Kind int

// The kinds of items that a stream consists of.
const (
	// KindEvent is an event that a browser would dispatch.
	KindEvent Kind = iota + 1
	// KindComment is a comment line; browsers ignore it.
	KindComment
	// KindRetry is a valid retry field; browsers set their reconnection time.
	KindRetry
)

// Item is one thing that a [Decoder] found, in the order of the stream.
type Item struct {
	Kind Kind
	// Event is set for KindEvent.
	Event Event
	// Comment is the comment without its colon; nothing is trimmed.
	Comment string
	// Retry is the reconnection time of KindRetry.
	Retry time.Duration
}

// Event is one dispatched event as a browser's EventSource shows it.
type Event struct {
	// Name is the event's type, "message" when the stream named none.
	Name string
	// Data has LF between lines, whatever line end the stream used.
	Data string
	// LastEventID is the stream's last event id at dispatch: the id of this
	// event, or of the latest before it that had one.
	LastEventID string
	// HasID tells whether this event's own block carried a valid id field.
	HasID bool
}

// Decoder reads an event stream exactly as the HTML standard's section "Interpreting an
// event stream" tells a browser to. It differs from a browser in one way only: it also
// reports comments and retry fields, since a server's conformance shows in them too.
//
// A Decoder is not safe for concurrent use.
type Decoder struct {
	r       *bufio.Reader
	started bool
	// skipLF is set after a CR ended a line: an LF that follows belongs to the
	// same line end. It must not be waited for, or an event that ends in CR CR
	// would be held back until the next byte.
	skipLF bool
	line   []byte

	data   bytes.Buffer
	name   string
	idBuf  string
	hasID  bool
	lastID string
}

// NewDecoder returns a Decoder of the stream r.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{r: bufio.NewReaderSize(r, 32<<10)}
}

// LastEventID is what a browser would send as Last-Event-ID if the stream ended now.
func (d *Decoder) LastEventID() string { return d.lastID }

// Next returns the stream's next item. At the end of the stream it returns io.EOF;
// an event whose blank line never came is discarded, as the standard demands.
func (d *Decoder) Next() (Item, error) {
	if !d.started {
		d.started = true
		// UTF-8 decode strips exactly one byte order mark. Peek returns early
		// only at the end of the stream, so bytes before it are asked one by one.
		if err := d.skipBOM(); err != nil {
			return Item{}, err
		}
	}
	for {
		line, err := d.readLine()
		if err != nil {
			return Item{}, err
		}
		if item, ok := d.interpret(line); ok {
			return item, nil
		}
	}
}

func (d *Decoder) skipBOM() error {
	const bom = "\xEF\xBB\xBF"
	for n := 1; n <= len(bom); n++ {
		head, err := d.r.Peek(n)
		if len(head) < n {
			if errors.Is(err, io.EOF) {
				return nil // Too short for a mark; the lines are read as they are.
			}
			return err
		}
		if head[n-1] != bom[n-1] {
			return nil
		}
	}
	_, err := d.r.Discard(len(bom))
	return err
}

// readLine returns the next line without its end. An unfinished last line is
// dropped: it can complete neither a field nor an event.
func (d *Decoder) readLine() (string, error) {
	d.line = d.line[:0]
	for {
		c, err := d.r.ReadByte()
		if err != nil {
			return "", err
		}
		if d.skipLF {
			d.skipLF = false
			if c == '\n' {
				continue
			}
		}
		switch c {
		case '\r':
			d.skipLF = true
			return d.decoded(), nil
		case '\n':
			return d.decoded(), nil
		}
		d.line = append(d.line, c)
		d.takeBuffered()
		if len(d.line) > MaxLine {
			return "", fmt.Errorf("%w: above %d bytes", ErrLineTooLong, MaxLine)
		}
	}
}

// takeBuffered appends what is buffered of the line; a suite that moves hundreds of
// megabytes would otherwise spend its time on single bytes.
func (d *Decoder) takeBuffered() {
	buffered, _ := d.r.Peek(d.r.Buffered())
	if i := bytes.IndexAny(buffered, "\r\n"); i >= 0 {
		buffered = buffered[:i]
	}
	d.line = append(d.line, buffered...)
	_, _ = d.r.Discard(len(buffered))
}

// decoded replaces bytes that are not UTF-8 as the standard's decoder does.
// Line ends are ASCII, so a line can be decoded by itself.
func (d *Decoder) decoded() string {
	return decodeUTF8(d.line)
}

func (d *Decoder) interpret(line string) (Item, bool) {
	if line == "" {
		return d.dispatch()
	}
	field, value, found := strings.Cut(line, ":")
	if found && field == "" {
		return Item{Kind: KindComment, Comment: value}, true
	}
	value = strings.TrimPrefix(value, " ")
	switch field {
	case "event":
		d.name = value
	case "data":
		d.data.WriteString(value)
		d.data.WriteByte('\n')
	case "id":
		if !strings.ContainsRune(value, 0) {
			d.idBuf, d.hasID = value, true
		}
	case "retry":
		if retry, ok := parseRetry(value); ok {
			return Item{Kind: KindRetry, Retry: retry}, true
		}
	}
	return Item{}, false
}

func (d *Decoder) dispatch() (Item, bool) {
	d.lastID = d.idBuf
	event := Event{Name: d.name, LastEventID: d.lastID, HasID: d.hasID}
	d.name, d.hasID = "", false
	if d.data.Len() == 0 {
		return Item{}, false
	}
	data := d.data.Bytes()
	event.Data = string(data[:len(data)-1])
	d.data.Reset()
	if event.Name == "" {
		event.Name = "message"
	}
	return Item{Kind: KindEvent, Event: event}, true
}

// parseRetry accepts one or more ASCII digits, and nothing else.
func parseRetry(value string) (time.Duration, bool) {
	if value == "" || strings.Trim(value, "0123456789") != "" {
		return 0, false
	}
	const maxMillis = int64(1<<63-1) / int64(time.Millisecond)
	ms, err := strconv.ParseInt(value, 10, 64)
	if err != nil || ms > maxMillis {
		ms = maxMillis // Only digits, so the number is merely too large.
	}
	return time.Duration(ms) * time.Millisecond, true
}
