package abi

import (
	"encoding/binary"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
)

// AppendInput appends in as input of [ExportTurn]:
//
//	u8 kind, bytes class, bytes name, i64 now in Unix milliseconds, then by kind
//	  wake:    u32 number of sessions, each bytes id, bytes state
//	  request: head (method, path, query, fields), bytes meta, u8 whether the body is truncated, bytes body
//	  leave:   bytes session, u8 reason
//	  timer:   bytes name
//	  continue: bytes session
//	  forget:  nothing
//
// where bytes is a u32 length and so many bytes, and head is bytes of text: lines, each with a line feed behind it.
func AppendInput(dst []byte, in *actor.Input) []byte {
	dst = append(dst, byte(in.Kind))
	dst = appendBytes(dst, in.Hub.Class)
	dst = appendBytes(dst, in.Hub.Name)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(in.Now.UnixMilli()))
	switch in.Kind {
	case actor.InputWake:
		dst = binary.LittleEndian.AppendUint32(dst, uint32(len(in.Sessions)))
		for _, s := range in.Sessions {
			dst = appendBytes(dst, s.ID)
			dst = appendBytes(dst, s.State)
		}
	case actor.InputRequest:
		dst = AppendRoute(dst, in.Request)
		dst = appendBytes(dst, in.Request.Meta)
		dst = appendBool(dst, in.Request.BodyTruncated)
		dst = appendBytes(dst, in.Request.Body)
	case actor.InputLeave:
		dst = appendBytes(dst, in.Session)
		dst = append(dst, byte(in.Reason))
	case actor.InputTimer:
		dst = appendBytes(dst, in.Timer)
	case actor.InputContinue:
		dst = appendBytes(dst, in.Session)
	}
	return dst
}

// DecodeInput reads what [AppendInput] has written. It keeps nothing of b. It fails with [ErrMalformed].
func DecodeInput(b []byte) (*actor.Input, error) {
	r := &reader{b: b}
	in := &actor.Input{Kind: actor.InputKind(r.u8())}
	in.Hub = actor.Address{Class: r.string(), Name: r.string()}
	in.Now = time.UnixMilli(r.i64())
	switch in.Kind {
	case actor.InputWake:
		if n := r.count(8); n > 0 {
			in.Sessions = make([]actor.SessionState, n)
		}
		for i := range in.Sessions {
			in.Sessions[i] = actor.SessionState{ID: r.string(), State: r.clone()}
		}
	case actor.InputRequest:
		in.Request = r.request()
		in.Request.Meta = r.clone()
		in.Request.BodyTruncated = r.bool()
		in.Request.Body = r.clone()
	case actor.InputLeave:
		in.Session = r.string()
		in.Reason = actor.LeaveReason(r.u8())
	case actor.InputTimer:
		in.Timer = r.string()
	case actor.InputContinue:
		in.Session = r.string()
	case actor.InputForget:
	default:
		r.fail("an unknown kind of input")
	}
	return in, r.end()
}

// AppendOutput appends out as payload of [ExportTurn]:
//
//	u8 TurnDone,     u8 whether there is a response, response, u8 whether a session was opened, bytes id, bytes state,
//	                 u32 number of effects, each u8 kind, then by kind
//	                   send:      bytes session (empty: all), u32 number of exceptions, each bytes session,
//	                              u8 whether it is ephemeral, bytes key, bytes data
//	                   close:     bytes session
//	                   set timer: bytes name, u32 delay in milliseconds
//	                   clear:     bytes name
//	                   continue:  bytes session
//	                   save:      bytes session, bytes state
//	u8 TurnNeedWake
//	u8 TurnFailed,   bytes cause, response
//
// where a response is u32 status, head (fields), bytes body.
func AppendOutput(dst []byte, out *actor.Output) []byte {
	switch {
	case out.NeedWake:
		return append(dst, TurnNeedWake)
	case out.Failure != "":
		dst = appendBytes(append(dst, TurnFailed), out.Failure)
		return appendResponse(dst, out.Response)
	}
	dst = appendBool(append(dst, TurnDone), out.Response != nil)
	if out.Response != nil {
		dst = appendResponse(dst, out.Response)
	}
	dst = appendBool(dst, out.Opened != nil)
	if out.Opened != nil {
		dst = appendBytes(dst, out.Opened.ID)
		dst = appendBytes(dst, out.Opened.State)
	}
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(out.Effects)))
	for i := range out.Effects {
		e := &out.Effects[i]
		dst = append(dst, byte(e.Kind))
		switch e.Kind {
		case actor.EffectSend:
			dst = appendBytes(dst, e.Session)
			dst = binary.LittleEndian.AppendUint32(dst, uint32(len(e.Except)))
			for _, id := range e.Except {
				dst = appendBytes(dst, id)
			}
			dst = appendBool(dst, e.Ephemeral)
			dst = appendBytes(dst, e.Key)
			dst = appendBytes(dst, e.Data)
		case actor.EffectClose, actor.EffectContinue:
			dst = appendBytes(dst, e.Session)
		case actor.EffectSave:
			dst = appendBytes(dst, e.Session)
			dst = appendBytes(dst, e.Data)
		case actor.EffectSetTimer:
			dst = appendBytes(dst, e.Timer)
			dst = binary.LittleEndian.AppendUint32(dst, uint32(min(e.Delay.Milliseconds(), maxDelay)))
		case actor.EffectClearTimer:
			dst = appendBytes(dst, e.Timer)
		}
	}
	return dst
}

// maxDelay is the longest delay of a timer, in milliseconds: what setTimeout takes.
const maxDelay = 1<<31 - 1

// DecodeOutput reads what [AppendOutput] has written. It keeps nothing of b. It fails with [ErrMalformed].
func DecodeOutput(b []byte) (*actor.Output, error) {
	r := &reader{b: b}
	out := &actor.Output{}
	switch r.u8() {
	case TurnDone:
		if r.bool() {
			out.Response = r.response()
		}
		if r.bool() {
			out.Opened = &actor.SessionState{ID: r.string(), State: r.clone()}
		}
		if n := r.count(5); n > 0 {
			out.Effects = make([]actor.Effect, n)
		}
		for i := range out.Effects {
			out.Effects[i] = r.effect()
		}
	case TurnNeedWake:
		out.NeedWake = true
	case TurnFailed:
		if out.Failure = r.string(); out.Failure == "" {
			r.fail("a failure without a cause")
		}
		out.Response = r.response()
	default:
		r.fail("an unknown kind of output")
	}
	return out, r.end()
}

func (r *reader) effect() actor.Effect {
	e := actor.Effect{Kind: actor.EffectKind(r.u8())}
	switch e.Kind {
	case actor.EffectSend:
		e.Session = r.string()
		if n := r.count(4); n > 0 {
			e.Except = make([]string, n)
		}
		for i := range e.Except {
			e.Except[i] = r.string()
		}
		e.Ephemeral = r.bool()
		e.Key = r.string()
		e.Data = r.clone()
	case actor.EffectClose, actor.EffectContinue:
		e.Session = r.string()
	case actor.EffectSave:
		e.Session = r.string()
		e.Data = r.clone()
	case actor.EffectSetTimer:
		e.Timer = r.string()
		e.Delay = time.Duration(r.u32()) * time.Millisecond
	case actor.EffectClearTimer:
		e.Timer = r.string()
	default:
		r.fail("an unknown kind of effect")
	}
	return e
}

func appendResponse(dst []byte, res *actor.Response) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(res.Status))
	dst = appendHead(dst, res.Header)
	return appendBytes(dst, res.Body)
}

func (r *reader) response() *actor.Response {
	return &actor.Response{Status: int(r.u32()), Header: r.head(), Body: r.clone()}
}

func (r *reader) request() *actor.Request {
	req := &actor.Request{}
	req.Header = r.head(&req.Method, &req.Path, &req.RawQuery)
	return req
}

func appendBool(dst []byte, b bool) []byte {
	if b {
		return append(dst, 1)
	}
	return append(dst, 0)
}
