package actor

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Address names one hub: its class and its name within the class.
type Address struct {
	Class string // as in [Class.Name]
	Name  string // see [CheckName]
}

func (a Address) String() string { return a.Class + "/" + a.Name }

// MaxName is the longest name of a hub, in bytes.
const MaxName = 256

// ErrName is what [CheckName] wraps.
var ErrName = errors.New("actor: invalid hub name")

// CheckName says whether name can name a hub: 1 to [MaxName] bytes of UTF-8 without control characters (Unicode
// category Cc). Its error wraps [ErrName].
func CheckName(name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%w: it is empty", ErrName)
	case len(name) > MaxName:
		return fmt.Errorf("%w: it has %d bytes, %d are allowed", ErrName, len(name), MaxName)
	case !utf8.ValidString(name):
		return fmt.Errorf("%w: it is not UTF-8", ErrName)
	}
	if i := strings.IndexFunc(name, isControl); i >= 0 {
		return fmt.Errorf("%w: byte %d is a control character", ErrName, i)
	}
	return nil
}

func isControl(r rune) bool { return r < 0x20 || r >= 0x7f && r < 0xa0 }

// Hub is one actor. Its methods run in turns, one at a time, so that it needs no locks; they must not block.
//
// A hub implements the other interfaces of this file as it needs them.
type Hub interface {
	// Request answers an HTTP request that the front routed to this hub. [Turn.Subscribe] makes an answer that
	// opens a session. An error fails the turn: the client gets a 500 and nothing of the turn remains.
	Request(t *Turn, r *Request) (*Response, error)
}

// Starter is a hub that wants to know when it wakes: before the first turn of its value, after it was created, slept,
// or its isolate was lost. Sessions that lived through it are in [Turn.Sessions].
type Starter interface {
	Start(t *Turn) error
}

// Joiner is a hub that wants to know of new sessions. Join runs in the turn that opens the session; what it sends to
// the session is the first that the client sees.
type Joiner interface {
	Join(t *Turn, s *Session) error
}

// Leaver is a hub that wants to know of sessions that are gone. s is no longer among [Turn.Sessions].
type Leaver interface {
	Leave(t *Turn, s *Session, reason LeaveReason) error
}

// TimerHandler is a hub that sets timers ([Turn.SetTimer]).
type TimerHandler interface {
	Timer(t *Turn, name string) error
}

// LeaveReason says why a session is gone.
type LeaveReason uint8

const (
	// LeaveGone: the client closed the connection, or it broke.
	LeaveGone LeaveReason = iota
	// LeaveSlow: the client did not read, and what waited for it passed [Class.SessionBuffer].
	LeaveSlow
	// LeaveClosed: hub code closed the session.
	LeaveClosed
)

func (r LeaveReason) String() string {
	switch r {
	case LeaveGone:
		return "gone"
	case LeaveSlow:
		return "slow"
	case LeaveClosed:
		return "closed"
	}
	return fmt.Sprintf("LeaveReason(%d)", uint8(r))
}

// Class is a kind of hub. The zero value of each option is its default.
type Class struct {
	// Name is the class's name: a Go identifier, the class_name of its Durable Object binding.
	Name string
	// New makes the value of a hub that wakes. It must not be nil.
	New func() Hub
	// Path is the prefix of the URL paths that the front routes to this class: Path, then the hub's name as one
	// percent-encoded segment, then the rest. It begins and ends with a slash. Empty: the front does not route to
	// this class by itself.
	Path string

	// MaxBody is the longest request body that a hub reads, in bytes; of a longer one it gets the first MaxBody
	// bytes and [Request.BodyTruncated]. Default 1 MiB.
	MaxBody int
	// SessionBuffer bounds what may wait for a session's client, in bytes; past it the session is ended, as
	// [LeaveSlow]. Default 1 MiB.
	SessionBuffer int
	// Heartbeat is how often a comment is sent to each session: a peer that is gone is noticed by it, and
	// intermediaries keep the connection. Default 20 s; at least 100 ms.
	Heartbeat time.Duration
	// Log bounds the hub's event log.
	Log LogLimits
	// MaxSessions is how many sessions a hub may have. Default 10,000.
	MaxSessions int
	// MaxAge is how long a session lasts, give or take a tenth, before its stream ends with a "goodbye" and its client
	// comes back to resume. Default 10 minutes; negative: for ever.
	MaxAge time.Duration
	// Retry is how long a client is told to wait before it reconnects. Default 2 s.
	Retry time.Duration
	// Slow says what becomes of a client that does not read fast enough. Default [SlowDisconnect].
	Slow SlowPolicy
}

// SlowPolicy says what becomes of a session when more than [Class.SessionBuffer] would wait for its client.
type SlowPolicy uint8

const (
	// SlowDisconnect ends the session; its client comes back and resumes.
	SlowDisconnect SlowPolicy = iota
	// SlowDrop skips ephemeral events ([Turn.Broadcast]), and tells the client afterwards how many, with the event "lag"
	// {"dropped"}. When that does not help, the session ends.
	SlowDrop
	// SlowCoalesce has of the events of one key ([Event.Key]) that wait only the latest wait. When that does not help,
	// the session ends.
	SlowCoalesce
)

// Defaults of [Class].
const (
	DefaultMaxBody       = 1 << 20
	DefaultSessionBuffer = 1 << 20
	DefaultHeartbeat     = 20 * time.Second
	DefaultMaxSessions   = 10_000
	DefaultMaxAge        = 10 * time.Minute
	DefaultRetry         = 2 * time.Second
	minHeartbeat         = 100 * time.Millisecond
)

// withDefaults returns c with every default filled in, or what is wrong with it.
func (c Class) withDefaults() (Class, error) {
	fail := func(format string, args ...any) (Class, error) {
		return c, fmt.Errorf("actor: class %q: %s", c.Name, fmt.Sprintf(format, args...))
	}
	if !isIdentifier(c.Name) {
		return fail("the name is not an identifier")
	}
	if c.New == nil {
		return fail("New is nil")
	}
	if c.Path != "" && (!strings.HasPrefix(c.Path, "/") || !strings.HasSuffix(c.Path, "/")) {
		return fail("the path %q does not begin and end with a slash", c.Path)
	}
	if c.MaxBody < 0 || c.SessionBuffer < 0 || c.Heartbeat < 0 || c.MaxSessions < 0 || c.Retry < 0 {
		return fail("a limit is negative")
	}
	setDefault(&c.MaxBody, DefaultMaxBody)
	setDefault(&c.SessionBuffer, DefaultSessionBuffer)
	setDefault(&c.Heartbeat, DefaultHeartbeat)
	setDefault(&c.MaxSessions, DefaultMaxSessions)
	setDefault(&c.MaxAge, DefaultMaxAge)
	setDefault(&c.Retry, DefaultRetry)
	if c.Heartbeat < minHeartbeat {
		return fail("a heartbeat of %v is below the least, %v", c.Heartbeat, minHeartbeat)
	}
	if c.Slow > SlowCoalesce {
		return fail("the slow policy %d is unknown", c.Slow)
	}
	var err error
	if c.Log, err = c.Log.withDefaults(); err != nil {
		return fail("%v", err)
	}
	return c, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func isIdentifier(s string) bool {
	for i, r := range s {
		letter := r == '_' || 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return s != ""
}

func wrapName(err error) error { return fmt.Errorf("%w: %w", ErrName, err) }
