package loadgen

import (
	"bytes"
	"errors"
)

// maxEvent bounds the lines and the data of an event, in bytes.
const maxEvent = 1 << 20

// errTooLong: an event does not end.
var errTooLong = errors.New("loadgen: an event is too long")

// scanner finds the events in a stream (the HTML standard, "Interpreting an event stream"), in whatever pieces it
// comes. For speed it leaves out what a load has no use for: ids, retry, a CR that ends a line alone, and the repair of
// broken UTF-8.
type scanner struct {
	part []byte // of a line whose end has not come
	name []byte
	data []byte // each line of data with its LF
}

// feed scans b and calls event for each event that ends in it. name is empty for a plain message. name and data are
// valid during the call only.
func (s *scanner) feed(b []byte, event func(name, data []byte)) error {
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			s.part = append(s.part, b...)
			if len(s.part) > maxEvent {
				return errTooLong
			}
			return nil
		}
		line := b[:i]
		b = b[i+1:]
		if len(s.part) > 0 {
			s.part = append(s.part, line...)
			line = s.part
			s.part = s.part[:0]
		}
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) == 0 {
			if n := len(s.data); n > 0 {
				event(s.name, s.data[:n-1])
			}
			s.name, s.data = s.name[:0], s.data[:0]
			continue
		}
		if err := s.field(line); err != nil {
			return err
		}
	}
}

func (s *scanner) field(line []byte) error {
	name, value, _ := bytes.Cut(line, []byte(":"))
	if len(value) > 0 && value[0] == ' ' {
		value = value[1:]
	}
	switch string(name) {
	case "data":
		if len(s.data)+len(value) > maxEvent {
			return errTooLong
		}
		s.data = append(append(s.data, value...), '\n')
	case "event":
		s.name = append(s.name[:0], value...)
	}
	return nil
}
