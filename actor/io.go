package actor

import "time"

// InputKind says what a turn is about.
type InputKind uint8

const (
	// InputWake makes the hub's value and tells it of the sessions that its host holds. The host sends it when the
	// engine asked for it ([Output.NeedWake]) and before the first input of a hub that it itself has just created.
	InputWake InputKind = 1 + iota
	// InputRequest is an HTTP request.
	InputRequest
	// InputLeave: a session is gone.
	InputLeave
	// InputTimer: a timer is due.
	InputTimer
	// InputContinue: what a session was sent up to its [EffectContinue] has been written, or nearly.
	InputContinue
	// InputForget drops the hub's value, and whatever the engine holds for it: its host has lost it, or has it sleep.
	// Nothing of the hub runs.
	InputForget
)

// Input is one turn's input. Besides what its host's functions return it is all that a turn can depend on.
type Input struct {
	Kind InputKind
	Hub  Address
	Now  time.Time // of millisecond precision

	Sessions []SessionState // InputWake
	Request  *Request       // InputRequest
	Session  string         // InputLeave, InputContinue: its id
	Reason   LeaveReason    // InputLeave
	Timer    string         // InputTimer: its name
}

// Output is what a turn asks of its host. When Failure is set, or NeedWake, nothing else is.
type Output struct {
	// NeedWake: the engine does not know the hub. The host drops the hub's timers, sends [InputWake], and then the
	// same input again.
	NeedWake bool
	// Failure: the turn failed. The host rolls its storage writes back, drops the hub's timers, and answers a request
	// with Response.
	Failure string

	// Response answers InputRequest.
	Response *Response
	// Opened is the session that Response's stream belongs to, or nil when Response is whole.
	Opened *SessionState
	// Effects are to be carried out in order, once the turn's writes are committed.
	Effects []Effect
}

// EffectKind says what an effect does.
type EffectKind uint8

const (
	// EffectSend sends Data to Session, or to every session of the hub except those in Except when Session is empty.
	// Ephemeral and Key say what the class's [SlowPolicy] may do with it.
	EffectSend EffectKind = 1 + iota
	// EffectClose ends Session's stream behind what was sent to it.
	EffectClose
	// EffectSetTimer runs the timer named Timer once, after Delay; a timer of that name is replaced.
	EffectSetTimer
	// EffectClearTimer removes the timer named Timer.
	EffectClearTimer
	// EffectContinue asks for [InputContinue] once what Session was sent has been written, or nearly.
	EffectContinue
	// EffectSave has the host keep Data as Session's state.
	EffectSave
)

// Effect is one thing that a turn asks of its host.
type Effect struct {
	Kind      EffectKind
	Session   string        // EffectSend, EffectClose, EffectContinue, EffectSave
	Except    []string      // EffectSend
	Ephemeral bool          // EffectSend
	Key       string        // EffectSend
	Data      []byte        // EffectSend: encoded for the wire; EffectSave
	Timer     string        // EffectSetTimer, EffectClearTimer
	Delay     time.Duration // EffectSetTimer: of millisecond precision
}
