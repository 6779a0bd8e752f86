package gojs

import (
	"fmt"
	"io"
	"math"
	"strings"
	"time"
)

// date is the data of a Date: milliseconds since 1970, or NaN.
type date struct{ ms float64 }

func (r *realm) installDate() {
	ctor, proto := r.class("Date", func(r *realm, args []value) (*object, error) {
		d := &date{ms: r.nowMillis()}
		switch v := arg(args, 0).(type) {
		case nil:
			if len(args) > 0 {
				d.ms = math.NaN()
			}
		case string:
			t, err := time.Parse(time.RFC3339, v)
			if err != nil {
				return nil, r.throw("Error", "%snew Date(%q) is not supported: only RFC 3339 is", refusalPrefix, v)
			}
			d.ms = float64(t.UnixMilli())
		default:
			if len(args) > 1 {
				return nil, r.throw("Error", "%snew Date with several arguments is not supported", refusalPrefix)
			}
			// ECMA-262, TimeClip.
			if d.ms = math.Trunc(r.toNumber(v)); math.Abs(d.ms) > 8.64e15 {
				d.ms = math.NaN()
			}
		}
		return &object{proto: r.dateProto, data: d}, nil
	}, nil)
	r.dateProto = proto
	onDate := func(name string, f func(d *date) (value, error)) nativeFunc {
		return func(r *realm, this value, _ []value) (value, error) {
			d, err := dataOf[*date](r, this, "Date."+name)
			if err != nil {
				return nil, err
			}
			return f(d)
		}
	}
	iso := func(d *date) (value, error) {
		if math.IsNaN(d.ms) {
			return nil, r.throw("RangeError", "Invalid time value")
		}
		return time.UnixMilli(int64(d.ms)).UTC().Format("2006-01-02T15:04:05.000Z"), nil
	}
	ms := func(d *date) (value, error) { return d.ms, nil }
	r.methods(proto, map[string]nativeFunc{
		"getTime": onDate("getTime", ms), "valueOf": onDate("valueOf", ms),
		"toISOString": onDate("toISOString", iso), "toJSON": onDate("toJSON", iso), "toString": onDate("toString", iso),
		// Workers run in UTC. Go's time.Local asks.
		"getTimezoneOffset": onDate("getTimezoneOffset", func(*date) (value, error) { return 0.0, nil }),
	})
	r.methods(ctor, map[string]nativeFunc{
		"now": func(r *realm, _ value, _ []value) (value, error) { return r.nowMillis(), nil },
	})
	r.refuseMethods(ctor, "Date", "parse", "UTC")
}

func (r *realm) installConsole() {
	console := r.newObject()
	printer := func(w io.Writer) nativeFunc {
		return func(r *realm, _ value, args []value) (value, error) {
			parts := make([]string, len(args))
			for i, v := range args {
				parts[i] = r.toString(v)
			}
			_, _ = io.WriteString(w, strings.Join(parts, " ")+"\n")
			return nil, nil
		}
	}
	r.methods(console, map[string]nativeFunc{
		"log": printer(r.stdout), "info": printer(r.stdout), "debug": printer(r.stdout),
		"error": printer(r.stderr), "warn": printer(r.stderr),
	})
	r.define("console", console)
}

// installTimers makes what schedules functions of the program, and what tells it the time.
func (r *realm) installTimers() {
	set := func(repeat bool) nativeFunc {
		return func(r *realm, _ value, args []value) (value, error) {
			f := arg(args, 0)
			if o, ok := f.(*object); !ok || o.fn == nil {
				return nil, r.throwType("%s is not a function", r.describe(f))
			}
			delay := time.Duration(max(0, min(r.toInteger(arg(args, 1)), math.MaxInt32))) * time.Millisecond
			if repeat {
				delay = max(delay, time.Millisecond)
			}
			r.nextTimer++
			id := r.nextTimer
			var fire func()
			arm := func() { r.intervals[id] = r.clock.AfterFunc(delay, func() { r.post(fire) }) }
			fire = func() {
				if r.intervals[id] == nil {
					return
				}
				delete(r.intervals, id)
				if repeat {
					arm()
				}
				if _, err := r.call(f, nil, args[min(2, len(args)):]); err != nil {
					fmt.Fprintf(r.stderr, "Uncaught %s\n", err)
				}
			}
			arm()
			return float64(id), nil
		}
	}
	cleared := func(r *realm, _ value, args []value) (value, error) {
		id := r.toInteger(arg(args, 0))
		if stop := r.intervals[id]; stop != nil {
			stop()
			delete(r.intervals, id)
		}
		return nil, nil
	}
	r.methods(r.global, map[string]nativeFunc{
		"setTimeout": set(false), "setInterval": set(true), "clearTimeout": cleared, "clearInterval": cleared,
		"queueMicrotask": func(r *realm, _ value, args []value) (value, error) {
			f := arg(args, 0)
			r.microtask(func() {
				if _, err := r.call(f, nil, nil); err != nil {
					fmt.Fprintf(r.stderr, "Uncaught %s\n", err)
				}
			})
			return nil, nil
		},
		// tryCatch is a global of syumai/workers' own: Go cannot catch what a function throws.
		"tryCatch": func(r *realm, _ value, args []value) (value, error) {
			res, err := r.call(arg(args, 0), nil, nil)
			if err != nil {
				return r.newRecord("error", r.thrownValue(err)), nil
			}
			return r.newRecord("result", res), nil
		},
	})

	performance := r.newRecord("timeOrigin", float64(r.started.UnixMilli()))
	r.methods(performance, map[string]nativeFunc{
		"now": func(r *realm, _ value, _ []value) (value, error) {
			return float64(r.clock.Now().Sub(r.started)) / float64(time.Millisecond), nil
		},
	})
	r.define("performance", performance)

	crypto := r.newObject()
	r.methods(crypto, map[string]nativeFunc{
		"getRandomValues": func(r *realm, _ value, args []value) (value, error) {
			b, ok := bytesOf(arg(args, 0))
			if !ok {
				return nil, r.throwType("crypto.getRandomValues: the argument is not a Uint8Array")
			}
			if len(b) > 65536 {
				return nil, r.throw("RangeError", "crypto.getRandomValues: more than 65536 bytes")
			}
			if _, err := io.ReadFull(r.rand, b); err != nil {
				return nil, r.throw("Error", "crypto.getRandomValues: %v", err)
			}
			return args[0], nil
		},
		"randomUUID": func(r *realm, _ value, _ []value) (value, error) {
			var b [16]byte
			if _, err := io.ReadFull(r.rand, b[:]); err != nil {
				return nil, r.throw("Error", "crypto.randomUUID: %v", err)
			}
			b[6], b[8] = b[6]&0x0F|0x40, b[8]&0x3F|0x80 // RFC 9562: version 4, variant 10
			return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:]), nil
		},
	})
	crypto.props.add(property{key: "subtle", val: r.refuse("crypto.subtle")})
	r.define("crypto", crypto)
}
