package gojs

import (
	"bytes"
	"io"
	"strings"
)

const (
	tailSize = 4 << 10
	// lineSize bounds what is kept of one line when looking for the reason of a crash.
	lineSize = 512
)

// crashLog stands between the program's standard error and the caller's writer. It keeps the end of what was written
// and the last line that reads like the head of a panic, because the traces of many goroutines push that line out of
// the tail.
type crashLog struct {
	to       io.Writer
	tail     []byte
	line     []byte
	reason   string
	overflow bool
}

func (c *crashLog) Write(p []byte) (int, error) {
	c.tail = append(c.tail, p...)
	if over := len(c.tail) - tailSize; over > 0 {
		c.tail = append(c.tail[:0], c.tail[over:]...)
	}
	for rest := p; len(rest) > 0; {
		i := bytes.IndexByte(rest, '\n')
		part := rest
		if i >= 0 {
			part = rest[:i]
		}
		if room := lineSize - len(c.line); room > 0 {
			c.line = append(c.line, part[:min(room, len(part))]...)
		}
		if i < 0 {
			break
		}
		c.scan(string(c.line))
		c.line = c.line[:0]
		rest = rest[i+1:]
	}
	return c.to.Write(p)
}

func (c *crashLog) scan(line string) {
	switch {
	case strings.HasPrefix(line, "panic: "), strings.HasPrefix(line, "fatal error: "):
		c.reason = line
		c.overflow = c.overflow || line == "fatal error: stack overflow"
	case strings.HasPrefix(line, "runtime: goroutine stack exceeds"),
		// Memory that ended while a goroutine's stack was copied to a larger one is the same mistake.
		strings.HasPrefix(line, "runtime.newstack("), strings.HasPrefix(line, "runtime.copystack("):
		c.overflow = true
	}
}

// explain adds to an exit what the program said before it.
func (c *crashLog) explain(exit *ExitError) {
	if len(c.line) > 0 {
		c.scan(string(c.line))
	}
	// The Go runtime ends a program with 2 after a panic or a fatal error; with another code those lines are the
	// program's own words.
	if exit.Code == 2 {
		exit.Reason, exit.overflow = c.reason, c.overflow && c.reason != ""
	}
}
