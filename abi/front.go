package abi

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// AppendRoute appends r's head as input of [ExportRoute]: bytes of text, whose lines are the method, the path, the
// query, and the name and value of each field.
func AppendRoute(dst []byte, r *actor.Request) []byte {
	return appendHead(dst, r.Header, r.Method, r.Path, r.RawQuery)
}

// DecodeRoute reads what [AppendRoute] has written. It keeps nothing of b. It fails with [ErrMalformed].
func DecodeRoute(b []byte) (*actor.Request, error) {
	r := &reader{b: b}
	req := r.request()
	return req, r.end()
}

// AppendDecision appends d as payload of [ExportRoute]: u8 kind, then by kind nothing, a response, or bytes class, bytes
// name and bytes meta.
func AppendDecision(dst []byte, d *actor.Decision) []byte {
	switch {
	case d.Answer != nil:
		return appendResponse(append(dst, DecisionAnswer), d.Answer)
	case d.Hub != (actor.Address{}):
		dst = appendBytes(append(dst, DecisionHub), d.Hub.Class)
		return appendBytes(appendBytes(dst, d.Hub.Name), d.Meta)
	}
	return append(dst, DecisionHandler)
}

// DecodeDecision reads what [AppendDecision] has written. It keeps nothing of b. It fails with [ErrMalformed].
func DecodeDecision(b []byte) (*actor.Decision, error) {
	r := &reader{b: b}
	d := &actor.Decision{}
	switch r.u8() {
	case DecisionHandler:
	case DecisionAnswer:
		d.Answer = r.response()
	case DecisionHub:
		d.Hub = actor.Address{Class: r.string(), Name: r.string()}
		d.Meta = r.clone()
	default:
		r.fail("an unknown kind of decision")
	}
	return d, r.end()
}

// Description is what a host must know of a program.
type Description struct {
	Header  actor.Header // of the host's own answers, see actor.Program.Header
	Classes []ClassDescription
}

// ClassDescription is what a host must know of a class; see the fields of actor.Class.
type ClassDescription struct {
	Name          string
	MaxBody       int
	SessionBuffer int
	Heartbeat     time.Duration
	Slow          actor.SlowPolicy
}

// VersionError: host and program were built for different versions of this interface.
type VersionError struct{ Program, Host int }

func (e *VersionError) Error() string {
	return fmt.Sprintf("abi: the program speaks version %d of the interface and its host version %d: "+
		"build both from the same version of Hubbub", e.Program, e.Host)
}

// AppendDescription appends d as payload of [ExportDescribe]: u32 Version, head (fields), u32 number of classes, each
// bytes name, u32 body and u32 buffer in bytes, u32 heartbeat in milliseconds, u8 slow policy.
func AppendDescription(dst []byte, d *Description) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, Version)
	dst = appendHead(dst, d.Header)
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(d.Classes)))
	for _, c := range d.Classes {
		dst = appendBytes(dst, c.Name)
		dst = binary.LittleEndian.AppendUint32(dst, uint32(c.MaxBody))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(c.SessionBuffer))
		dst = binary.LittleEndian.AppendUint32(dst, uint32(c.Heartbeat.Milliseconds()))
		dst = append(dst, byte(c.Slow))
	}
	return dst
}

// DecodeDescription reads what [AppendDescription] has written. It keeps nothing of b. It fails with a [VersionError]
// and with [ErrMalformed].
func DecodeDescription(b []byte) (*Description, error) {
	r := &reader{b: b}
	if v := r.u32(); r.err == nil && v != Version {
		return nil, &VersionError{Program: int(v), Host: Version}
	}
	d := &Description{Header: r.head()}
	if n := r.count(17); n > 0 {
		d.Classes = make([]ClassDescription, n)
	}
	for i := range d.Classes {
		d.Classes[i] = ClassDescription{
			Name:          r.string(),
			MaxBody:       int(r.u32()),
			SessionBuffer: int(r.u32()),
			Heartbeat:     time.Duration(r.u32()) * time.Millisecond,
			Slow:          actor.SlowPolicy(r.u8()),
		}
	}
	return d, r.end()
}
