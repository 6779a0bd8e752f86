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
	id     string
	joined time.Time
	meta   []byte
}

// ID returns the session's id: 128 random bits in lower-case hexadecimal.
func (s *Session) ID() string { return s.id }

// Joined returns when the session was opened.
func (s *Session) Joined() time.Time { return s.joined }

// Meta returns what [Turn.Subscribe] was given for the session. It must not be changed.
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

func (s *Session) encode() SessionState {
	b := make([]byte, 0, 9+len(s.meta))
	b = append(b, stateVersion)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.joined.UnixMilli()))
	return SessionState{ID: s.id, State: append(b, s.meta...)}
}

func decodeSession(st SessionState) (*Session, error) {
	if len(st.State) < 9 || st.State[0] != stateVersion {
		return nil, fmt.Errorf("actor: session %s: its state is not of version %d", st.ID, stateVersion)
	}
	return &Session{
		id:     st.ID,
		joined: time.UnixMilli(int64(binary.LittleEndian.Uint64(st.State[1:]))),
		meta:   append([]byte(nil), st.State[9:]...),
	}, nil
}

func newSessionID(random func([]byte)) string {
	var b [16]byte
	random(b[:])
	return hex.EncodeToString(b[:])
}
