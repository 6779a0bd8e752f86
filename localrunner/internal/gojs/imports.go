package gojs

import (
	"context"
	"io"
	"math"
	"time"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"
)

// hostFunc gives an import of module "gojs" its frame. All have one parameter, the SP.
func hostFunc(f func(f *frame)) api.GoModuleFunction {
	return api.GoModuleFunc(func(ctx context.Context, _ api.Module, stack []uint64) {
		in := instanceFrom(ctx)
		f(&frame{in: in, mem: in.memory(), sp: uint32(stack[0]), entries: in.entries})
	})
}

// imports are the functions of module "gojs" by name. The Go declaration of each is above it; arguments begin at
// SP+8, results follow them, each aligned to 8 bytes.
var imports = map[string]func(f *frame){
	// func wasmExit(code int32)
	"runtime.wasmExit": func(f *frame) {
		code := int32(f.u32(8))
		f.in.fail(&ExitError{Code: int(code)})
		panic(sys.NewExitError(uint32(code)))
	},

	// func wasmWrite(fd uintptr, p unsafe.Pointer, n int32)
	"runtime.wasmWrite": func(f *frame) {
		p, n := f.u64(16), uint64(f.u32(24))
		f.in.realm.writeFD(int(f.u64(8)), f.mem[p:p+n])
	},

	// func resetMemoryDataView(): views of the memory are not kept here.
	"runtime.resetMemoryDataView": func(*frame) {},

	// func nanotime1() int64
	"runtime.nanotime1": func(f *frame) {
		// The difference is that of the monotonic clock, if there is one.
		f.putU64(8, uint64(f.in.base+int64(f.in.cfg.Clock.Now().Sub(f.in.realm.started))))
	},

	// func walltime() (sec int64, nsec int32)
	"runtime.walltime": func(f *frame) {
		now := f.in.cfg.Clock.Now()
		f.putU64(8, uint64(now.Unix()))
		f.putU32(16, uint32(now.Nanosecond()))
	},

	// func scheduleTimeoutEvent(delay int64) int32
	"runtime.scheduleTimeoutEvent": func(f *frame) {
		in := f.in
		in.timerID++
		in.arm(in.timerID, time.Duration(f.u64(8))*time.Millisecond)
		f.putU32(16, uint32(in.timerID))
	},

	// func clearTimeoutEvent(id int32)
	"runtime.clearTimeoutEvent": func(f *frame) {
		id := int32(f.u32(8))
		if stop := f.in.timers[id]; stop != nil {
			stop()
			delete(f.in.timers, id)
		}
	},

	// func getRandomData(r []byte)
	"runtime.getRandomData": func(f *frame) {
		if _, err := io.ReadFull(f.in.cfg.Rand, f.bytes(8)); err != nil {
			panic(err)
		}
	},

	// func finalizeRef(v ref)
	"syscall/js.finalizeRef": func(f *frame) { f.in.refs.release(f.u32(8)) },

	// func stringVal(value string) ref
	"syscall/js.stringVal": func(f *frame) { f.store(24, f.str(8)) },

	// func valueGet(v ref, p string) ref
	"syscall/js.valueGet": func(f *frame) {
		var v value
		if o, ok := f.load(8).(*object); ok {
			v = o.get(f.in.realm, f.str(16))
		}
		f.refresh()
		f.store(32, v)
	},

	// func valueSet(v ref, p string, x ref)
	"syscall/js.valueSet": func(f *frame) {
		if o, ok := f.load(8).(*object); ok {
			o.set(f.in.realm, f.str(16), f.load(32))
		}
	},

	// func valueDelete(v ref, p string)
	"syscall/js.valueDelete": func(f *frame) {
		if o, ok := f.load(8).(*object); ok {
			o.props.remove(f.str(16))
		}
	},

	// func valueIndex(v ref, i int) ref
	"syscall/js.valueIndex": func(f *frame) {
		var v value
		if o, ok := f.load(8).(*object); ok {
			v = o.at(f.in.realm, int(f.u64(16)))
		}
		f.store(24, v)
	},

	// func valueSetIndex(v ref, i int, x ref)
	"syscall/js.valueSetIndex": func(f *frame) {
		if o, ok := f.load(8).(*object); ok {
			o.setAt(f.in.realm, int(f.u64(16)), f.load(24))
		}
	},

	// func valueCall(v ref, m string, args []ref) (ref, bool)
	"syscall/js.valueCall": func(f *frame) {
		r, name := f.in.realm, f.str(16)
		o, ok := f.load(8).(*object)
		if !ok {
			f.result(56, nil, r.throwType("Cannot read properties of %s (reading '%s')", r.describe(f.load(8)), name))
			return
		}
		v, err := r.invoke(o, name, f.values(32))
		f.result(56, v, err)
	},

	// func valueInvoke(v ref, args []ref) (ref, bool)
	"syscall/js.valueInvoke": func(f *frame) {
		v, err := f.in.realm.call(f.load(8), nil, f.values(16))
		f.result(40, v, err)
	},

	// func valueNew(v ref, args []ref) (ref, bool)
	"syscall/js.valueNew": func(f *frame) {
		o, err := f.in.realm.construct(f.load(8), f.values(16))
		if err != nil {
			f.result(40, nil, err)
			return
		}
		f.result(40, o, nil)
	},

	// func valueLength(v ref) int
	"syscall/js.valueLength": func(f *frame) {
		n := math.NaN()
		if o, ok := f.load(8).(*object); ok {
			n = f.in.realm.toNumber(o.get(f.in.realm, "length"))
		}
		f.putU64(16, uint64(toInt64(n)))
	},

	// func valuePrepareString(v ref) (ref, int)
	"syscall/js.valuePrepareString": func(f *frame) {
		s := f.in.realm.toString(f.load(8))
		f.refresh()
		f.store(16, f.in.realm.newBytes([]byte(s)))
		f.putU64(24, uint64(len(s)))
	},

	// func valueLoadString(v ref, b []byte)
	"syscall/js.valueLoadString": func(f *frame) {
		b, _ := bytesOf(f.load(8))
		copy(f.bytes(16), b)
	},

	// func valueInstanceOf(v ref, t ref) bool
	"syscall/js.valueInstanceOf": func(f *frame) {
		f.putBool(24, f.in.realm.instanceOf(f.load(8), f.load(16)))
	},

	// func copyBytesToGo(dst []byte, src ref) (int, bool)
	"syscall/js.copyBytesToGo": func(f *frame) {
		src, ok := viewOf(f.load(32))
		if ok {
			f.putU64(40, uint64(copy(f.bytes(8), src)))
		}
		f.putBool(48, ok)
	},

	// func copyBytesToJS(dst ref, src []byte) (int, bool)
	"syscall/js.copyBytesToJS": func(f *frame) {
		dst, ok := viewOf(f.load(8))
		if ok {
			f.putU64(40, uint64(copy(dst, f.bytes(16))))
		}
		f.putBool(48, ok)
	},

	"debug": func(f *frame) { _, _ = io.WriteString(f.in.realm.stdout, numberToString(float64(f.sp))+"\n") },
}

// viewOf is the content of a Uint8Array; an ArrayBuffer does not do.
func viewOf(v value) ([]byte, bool) {
	if o, ok := v.(*object); ok {
		if view, ok := o.data.(*bytesView); ok {
			return view.b, true
		}
	}
	return nil, false
}

// arm makes the program resume after d, unless the timer is cleared first.
func (in *Instance) arm(id int32, d time.Duration) {
	in.timers[id] = in.cfg.Clock.AfterFunc(d, func() { in.post(timerTask(id)) })
}

// timerTask is a timer of the Go scheduler that fired.
type timerTask int32

func (t timerTask) run(in *Instance) {
	id := int32(t)
	// The scheduler clears a timer once it has seen it. wasm_exec.js resumes for as long as it has not
	// (https://github.com/golang/go/issues/28975); here a millisecond passes after a few tries, because a virtual
	// clock stands still meanwhile.
	for range 4 {
		if in.timers[id] == nil {
			return
		}
		in.resume()
	}
	if in.timers[id] != nil {
		in.arm(id, time.Millisecond)
	}
}

// newGoObject makes what wasm_exec.js calls "this": the program's door to its own functions.
func (in *Instance) newGoObject() *object {
	o := in.realm.newObject()
	o.props.add(property{key: "_pendingEvent", val: null})
	o.props.add(property{key: "_makeFuncWrapper", val: in.realm.newFunction("_makeFuncWrapper",
		func(_ *realm, _ value, args []value) (value, error) { return in.wrapFunc(arg(args, 0)), nil })})
	return o
}

// wrapFunc makes a function that calls the js.Func with that id.
func (in *Instance) wrapFunc(id value) *object {
	return in.realm.newFunction("js.Func", func(r *realm, this value, args []value) (value, error) {
		if in.lost.Load() {
			return nil, r.throw("Error", "Go program has already exited")
		}
		event := r.newRecord("id", id, "this", this, "args", r.newArray(args), "result", nil)
		in.goObject.set(r, "_pendingEvent", event)
		in.resume()
		return event.get(r, "result"), nil
	})
}
