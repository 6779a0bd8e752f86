package actor

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// Session is one connected client of a hub. Its identity is the pointer only within one life of the hub's value; keep
// the ID across turns.
type Session struct {
	id      string
	kind    SessionKind
	joined  time.Time
	expires time.Time // zero: never
	resumed string
	meta    []byte

	// next is the sequence number of the event to replay next; 0: the session is live.
	next uint64
	// closing: hub code has closed it, and its host will say when it is gone.
	closing bool
}

// SessionKind is how a session's client is connected.
type SessionKind uint8

// KindSSE is a stream of Server-Sent Events.
const KindSSE SessionKind = 1

func (k SessionKind) String() string {
	if k == KindSSE {
		return "sse"
	}
	return fmt.Sprintf("SessionKind(%d)", uint8(k))
}

// ID returns the session's id: 128 random bits in lower-case hexadecimal.
func (s *Session) ID() string { return s.id }

// Kind returns how its client is connected.
func (s *Session) Kind() SessionKind { return s.kind }

// Joined returns when the session was opened.
func (s *Session) Joined() time.Time { return s.joined }

// Resumed returns the event id from which the client asked to resume, or "".
func (s *Session) Resumed() string { return s.resumed }

// Live reports whether the session gets events as they are published. Until it has been sent what it missed, it does
// not.
func (s *Session) Live() bool { return s.next == 0 }

// Meta returns the metadata that the front or [Turn.Subscribe] has given the session. It must not be changed.
func (s *Session) Meta() []byte { return s.meta }

// MaxMeta is how many bytes of metadata a session may have.
const MaxMeta = 2048

// ErrMeta: a session's metadata is longer than [MaxMeta].
var ErrMeta = errors.New("actor: session metadata too large")

// SessionState is a session as its host keeps it: what a hub needs to know of it after it slept or its isolate was
// lost. State is the engine's own encoding, opaque to the host.
type SessionState struct {
	ID    string
	State []byte
}

// stateVersion is the first byte of every encoded session.
const stateVersion = 1

// encode writes a version, the kind, when it joined and expires in Unix milliseconds, the next event to replay, the
// length of what it resumed from, that, and the metadata; integers are little-endian.
func (s *Session) encode() SessionState {
	b := make([]byte, 0, stateHead+len(s.resumed)+len(s.meta))
	b = append(b, stateVersion, byte(s.kind))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.joined.UnixMilli()))
	expires := int64(0)
	if !s.expires.IsZero() {
		expires = s.expires.UnixMilli()
	}
	b = binary.LittleEndian.AppendUint64(b, uint64(expires))
	b = binary.LittleEndian.AppendUint64(b, s.next)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(s.resumed)))
	b = append(b, s.resumed...)
	return SessionState{ID: s.id, State: append(b, s.meta...)}
}

const stateHead = 2 + 8 + 8 + 8 + 2

func decodeSession(st SessionState) (*Session, error) {
	b := st.State
	if len(b) < stateHead || b[0] != stateVersion {
		return nil, fmt.Errorf("actor: session %s: its state is not of version %d", st.ID, stateVersion)
	}
	s := &Session{
		id:     st.ID,
		kind:   SessionKind(b[1]),
		joined: time.UnixMilli(int64(binary.LittleEndian.Uint64(b[2:]))),
		next:   binary.LittleEndian.Uint64(b[18:]),
	}
	if ms := int64(binary.LittleEndian.Uint64(b[10:])); ms != 0 {
		s.expires = time.UnixMilli(ms)
	}
	resumed := int(binary.LittleEndian.Uint16(b[26:]))
	if b = b[stateHead:]; resumed > len(b) {
		return nil, fmt.Errorf("actor: session %s: its state is cut off", st.ID)
	}
	s.resumed = string(b[:resumed])
	s.meta = append([]byte(nil), b[resumed:]...)
	return s, nil
}

func newSessionID(random func([]byte)) string {
	var b [16]byte
	random(b[:])
	return hex.EncodeToString(b[:])
}
