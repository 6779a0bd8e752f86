package main

import (
	"fmt"
	"math"
	"net/http"
	"os"
	"strings"
	"syscall/js"
	"time"
	"unsafe"
)

// trap reads far outside of the linear memory.
func trap() {
	var b byte
	fmt.Println(*(*byte)(unsafe.Add(unsafe.Pointer(&b), 0xF0000000)))
}

// serveJS runs the checks of the object model and answers with what went wrong, one line each.
func serveJS(w http.ResponseWriter, r *http.Request) {
	for _, c := range checks {
		got := catch(c.run)
		if got != c.want {
			fmt.Fprintf(w, "%s: got %q, want %q\n", c.name, got, c.want)
		}
	}
	fmt.Fprintf(w, "%d checks\n", len(checks))
}

func catch(f func() string) (res string) {
	defer func() {
		if v := recover(); v != nil {
			if err, ok := v.(js.Error); ok {
				res = "threw " + err.Value.Call("toString").String()
				return
			}
			res = fmt.Sprint("panicked ", v)
		}
	}()
	return f()
}

var g = js.Global()

func funcOf(f func(args []js.Value) any) js.Func {
	return js.FuncOf(func(_ js.Value, args []js.Value) any { return f(args) })
}

func await(p js.Value) string {
	ch := make(chan string, 1)
	ok := funcOf(func(a []js.Value) any { ch <- "ok " + str(a[0]); return nil })
	fail := funcOf(func(a []js.Value) any { ch <- "fail " + str(a[0]); return nil })
	defer ok.Release()
	defer fail.Release()
	p.Call("then", ok, fail)
	return <-ch
}

func str(v js.Value) string {
	switch v.Type() {
	case js.TypeObject, js.TypeFunction:
		return v.Call("toString").String()
	}
	return g.Get("Array").Call("of", v).Call("join").String()
}

var checks = []struct {
	name, want string
	run        func() string
}{
	{"equal strings are equal", "true true", func() string {
		return fmt.Sprint(js.ValueOf("abc").Equal(js.ValueOf("abc")), !js.ValueOf("abc").Equal(js.ValueOf("abd")))
	}},
	{"numbers survive", "0 NaN +Inf 1.5 -7", func() string {
		o := js.ValueOf(map[string]any{})
		var out []string
		for _, f := range []float64{0, math.NaN(), math.Inf(1), 1.5, -7} {
			o.Set("x", f)
			out = append(out, fmt.Sprint(o.Get("x").Float()))
		}
		return strings.Join(out, " ")
	}},
	{"minus zero becomes zero", "false", func() string {
		o := js.ValueOf(map[string]any{"x": math.Copysign(0, -1)})
		return fmt.Sprint(math.Signbit(o.Get("x").Float()))
	}},
	{"types", "undefined null boolean number string object function", func() string {
		o := js.ValueOf(map[string]any{"n": nil, "b": true, "f": 0, "s": "", "o": map[string]any{}})
		var out []string
		for _, k := range []string{"none", "n", "b", "f", "s", "o"} {
			out = append(out, o.Get(k).Type().String())
		}
		return strings.Join(append(out, g.Get("Object").Type().String()), " ")
	}},
	{"delete", "false", func() string {
		o := js.ValueOf(map[string]any{"x": 1})
		o.Delete("x")
		return fmt.Sprint(!o.Get("x").IsUndefined())
	}},
	{"instanceof", "true true false", func() string {
		e := g.Get("TypeError").New("x")
		return fmt.Sprint(e.InstanceOf(g.Get("TypeError")), e.InstanceOf(g.Get("Error")), e.InstanceOf(g.Get("Promise")))
	}},
	{"arrays", "3 b a,b,c 2 true", func() string {
		a := js.ValueOf([]any{"a", "b", "c"})
		n := a.Length()
		s := a.Call("toString").String()
		last := a.Call("slice", 1).Length()
		return fmt.Sprint(n, " ", a.Index(1).String(), " ", s, " ", last, " ", g.Get("Array").Call("isArray", a).Bool())
	}},
	{"object entries keep their order", "z,1,a,2", func() string {
		o := g.Get("Object").New()
		o.Set("z", 1)
		o.Set("a", 2)
		return g.Get("Object").Call("entries", o).Call("toString").String()
	}},
	{"errors", "TypeError: bad TypeError bad threw Error: thrown", func() string {
		e := g.Get("TypeError").New("bad")
		return e.Call("toString").String() + " " + e.Get("name").String() + " " + e.Get("message").String() + " " +
			catch(func() string { panic(js.Error{Value: g.Get("Error").New("thrown")}) })
	}},
	{"tryCatch", "1 true", func() string {
		f := funcOf(func([]js.Value) any { return 1 })
		defer f.Release()
		ok := g.Call("tryCatch", f)
		bad := g.Call("tryCatch", g.Get("Headers"))
		return fmt.Sprint(ok.Get("result").Int(), " ", !bad.Get("error").IsUndefined() && bad.Get("result").IsUndefined())
	}},
	{"bytes", "3 2 [1 2 3] [2 3] 9", func() string {
		u := g.Get("Uint8Array").New(3)
		js.CopyBytesToJS(u, []byte{1, 2, 3})
		sub := u.Call("subarray", 1)
		all, part := make([]byte, 3), make([]byte, 2)
		js.CopyBytesToGo(all, u)
		js.CopyBytesToGo(part, sub)
		sub.SetIndex(0, 9) // shares the memory of u
		return fmt.Sprint(u.Get("byteLength").Int(), " ", sub.Length(), " ", all, " ", part, " ", u.Index(1).Int())
	}},
	{"buffers", "4 2 true", func() string {
		b := g.Get("ArrayBuffer").New(4)
		u := g.Get("Uint8Array").New(b, 2)
		return fmt.Sprint(b.Get("byteLength").Int(), " ", u.Length(), " ", u.Get("buffer").Equal(b))
	}},
	{"copying into something else panics", "panicked syscall/js: CopyBytesToJS: expected dst to be a Uint8Array or Uint8ClampedArray", func() string {
		js.CopyBytesToJS(g.Get("ArrayBuffer").New(4), []byte{1})
		return ""
	}},
	{"headers", "content-type,text/plain,x-a,1, 2 | 1, 2 | true | null", func() string {
		h := g.Get("Headers").New()
		h.Call("append", "X-A", "1")
		h.Call("append", "x-a", " 2 ")
		h.Call("set", "Content-Type", "text/plain")
		list := g.Get("Array").Call("from", h.Call("entries")).Call("toString").String()
		return list + " | " + h.Call("get", "X-a").String() + " | " + fmt.Sprint(h.Call("has", "X-A").Bool()) + " | " +
			h.Call("get", "nothing").Type().String()
	}},
	{"a bad header name throws", `threw TypeError: Invalid header name: "a b"`, func() string {
		g.Get("Headers").New().Call("append", "a b", "1")
		return ""
	}},
	{"a bad header value throws", `threw TypeError: Invalid header value: "a\r\nb"`, func() string {
		g.Get("Headers").New().Call("append", "a", "a\r\nb")
		return ""
	}},
	{"a response reads its own body", "ok hi", func() string {
		return await(g.Get("Response").New("hi").Call("text"))
	}},
	{"a body is read once", "fail TypeError: Body has already been used. It can only be used once.", func() string {
		res := g.Get("Response").New("hi")
		await(res.Call("text"))
		return await(res.Call("text"))
	}},
	{"statuses", "threw RangeError: Responses may only be constructed with status codes in the range 200 to 599, inclusive.", func() string {
		g.Get("Response").New(nil, map[string]any{"status": 99})
		return ""
	}},
	{"then runs later", "sync then", func() string {
		var order []string
		done := make(chan struct{})
		then := funcOf(func([]js.Value) any { order = append(order, "then"); close(done); return nil })
		defer then.Release()
		g.Get("Promise").Call("resolve", 1).Call("then", then)
		order = append(order, "sync")
		<-done
		return strings.Join(order, " ")
	}},
	{"then chains", "ok 6", func() string {
		double := funcOf(func(a []js.Value) any { return a[0].Int() * 2 })
		wrap := funcOf(func(a []js.Value) any { return g.Get("Promise").Call("resolve", a[0]) })
		return await(g.Get("Promise").Call("resolve", 3).Call("then", wrap).Call("then", double))
	}},
	{"catch", "ok handled boom", func() string {
		handle := funcOf(func(a []js.Value) any { return "handled " + a[0].String() })
		return await(g.Get("Promise").Call("reject", "boom").Call("catch", handle))
	}},
	{"thenables are followed", "ok later", func() string {
		then := funcOf(func(a []js.Value) any { a[0].Invoke("later"); return nil })
		return await(g.Get("Promise").Call("resolve", map[string]any{"then": then}))
	}},
	{"all", "ok 1,2", func() string {
		return await(g.Get("Promise").Call("all", []any{1, g.Get("Promise").Call("resolve", 2)}))
	}},
	{"finally", "ok 1 true", func() string {
		ran := false
		f := funcOf(func([]js.Value) any { ran = true; return nil })
		res := await(g.Get("Promise").Call("resolve", 1).Call("finally", f))
		return fmt.Sprint(res, " ", ran)
	}},
	{"a stream of one's own", "ok abc", func() string {
		start := funcOf(func(a []js.Value) any {
			for _, s := range []string{"a", "b", "c"} {
				u := g.Get("Uint8Array").New(1)
				js.CopyBytesToJS(u, []byte(s))
				a[0].Call("enqueue", u)
			}
			a[0].Call("close")
			return nil
		})
		s := g.Get("ReadableStream").New(map[string]any{"start": start})
		return await(g.Get("Response").New(s).Call("text"))
	}},
	{"desiredSize", "1 0 -1", func() string {
		var out []string
		start := funcOf(func(a []js.Value) any {
			for range 3 {
				out = append(out, fmt.Sprint(a[0].Get("desiredSize").Int()))
				a[0].Call("enqueue", "x")
			}
			return nil
		})
		g.Get("ReadableStream").New(map[string]any{"start": start})
		return strings.Join(out, " ")
	}},
	{"a locked stream", "true threw TypeError: This ReadableStream is currently locked to a reader.", func() string {
		s := g.Get("ReadableStream").New()
		s.Call("getReader")
		return fmt.Sprint(s.Get("locked").Bool(), " ", catch(func() string { s.Call("getReader"); return "" }))
	}},
	{"dates", "1700000000123 2023-11-14T22:13:20.123Z", func() string {
		d := g.Get("Date").New(1700000000123)
		return fmt.Sprint(int64(d.Call("getTime").Float()), " ", d.Call("toISOString").String())
	}},
	{"setTimeout", "later", func() string {
		ch := make(chan string)
		f := funcOf(func(a []js.Value) any {
			go func() { ch <- a[0].String() }()
			return nil
		})
		defer f.Release()
		g.Call("setTimeout", f, 0, "later")
		return <-ch
	}},
	{"nested functions", "120", func() string {
		var fact js.Func
		fact = funcOf(func(a []js.Value) any {
			if n := a[0].Int(); n > 1 {
				return fact.Invoke(n-1).Int() * n
			}
			return 1
		})
		defer fact.Release()
		return fmt.Sprint(fact.Invoke(5).Int())
	}},
	{"endless nesting throws", "threw RangeError: Maximum call stack size exceeded", func() string {
		var f js.Func
		f = funcOf(func([]js.Value) any { return g.Call("tryCatch", f) })
		defer f.Release()
		v := g.Call("tryCatch", f)
		for !v.Get("result").IsUndefined() {
			v = v.Get("result")
		}
		return "threw " + v.Get("error").Call("toString").String()
	}},
	{"what is not supported says so", "threw Error: localrunner: WebSocketPair is not supported", func() string {
		g.Get("WebSocketPair").New()
		return ""
	}},
	{"and so do its parts", "threw Error: localrunner: caches.default.match is not supported", func() string {
		g.Get("caches").Get("default").Call("match", "x")
		return ""
	}},
	{"methods that are not supported", "threw Error: localrunner: Response.clone is not supported", func() string {
		g.Get("Response").New().Call("clone")
		return ""
	}},
	{"files do not exist", "open /x: not implemented", func() string {
		_, err := os.Open("/x")
		if err == nil {
			return "opened"
		}
		return strings.ReplaceAll(err.Error(), "not implemented on js", "not implemented")
	}},
	{"strings are UTF-8", "grüße 😀 \ufffd\ufffd", func() string {
		o := js.ValueOf(map[string]any{"s": "grüße 😀 \xe2\x82\xff"})
		return o.Get("s").String()
	}},
	{"the zone is UTC", "0", func() string {
		_, off := time.Now().Local().Zone()
		return fmt.Sprint(off)
	}},
}
