// Command guest is the program that the tests of package gojs run.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall/js"
	"time"

	"github.com/syumai/workers"
	"github.com/syumai/workers/cloudflare"
	"github.com/syumai/workers/cloudflare/fetch"
)

func main() {
	if n, err := strconv.Atoi(cloudflare.Getenv("MAXSTACK")); err == nil {
		debug.SetMaxStack(n)
	}
	switch cloudflare.Getenv("BOOT") {
	case "exit":
		os.Exit(7)
	case "panic":
		panic("no boot today")
	case "never":
		select {}
	case "sleep":
		time.Sleep(time.Minute)
	case "serve": // the stock form, which ends the program after its first response
		workers.Serve(handler())
		return
	}
	workers.ServeNonBlock(handler())
	workers.Ready()
	select {}
}

func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/hello", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Method", r.Method)
		w.Header().Set("X-Host", r.Host)
		w.Header().Set("X-Remote", r.RemoteAddr)
		w.Header().Add("Set-Cookie", "a=1")
		w.Header().Add("Set-Cookie", "b=2")
		w.WriteHeader(http.StatusTeapot)
		fmt.Fprintf(w, "hello %s", r.URL.Query().Get("name"))
	})
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Length", strconv.FormatInt(r.ContentLength, 10))
		// Hiding WriteTo and ReadFrom keeps the bytes going through the program.
		buf := make([]byte, 16<<10)
		if r.Body == nil {
			return
		}
		for {
			n, err := r.Body.Read(buf)
			if n > 0 {
				if _, err := w.Write(buf[:n]); err != nil {
					fmt.Fprintln(os.Stderr, "echo: write:", err)
					return
				}
			}
			if err != nil {
				if err != io.EOF {
					fmt.Fprintln(os.Stderr, "echo: read:", err)
				}
				return
			}
		}
	})
	mux.HandleFunc("/raw", func(w http.ResponseWriter, r *http.Request) {
		io.Copy(w, r.Body) // hands the stream through, without its bytes
	})
	mux.HandleFunc("/stream", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for i := range 3 {
			fmt.Fprintf(w, "data: %d\n\n", i)
			time.Sleep(time.Second)
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, r *http.Request) {
		for i := 0; ; i++ {
			if _, err := fmt.Fprintf(w, "tick %d\n", i); err != nil {
				fmt.Println("endless: gone:", err)
				return
			}
			time.Sleep(time.Second)
		}
	})
	mux.HandleFunc("/flood", func(w http.ResponseWriter, r *http.Request) {
		buf := make([]byte, 16<<10)
		n := 0
		for {
			if _, err := w.Write(buf); err != nil {
				return
			}
			n++
			js.Global().Set("flooded", n)
		}
	})
	mux.HandleFunc("/sleep", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Second)
		io.WriteString(w, "slept")
	})
	mux.HandleFunc("/nap", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(time.Millisecond)
		io.WriteString(w, "napped")
	})
	mux.HandleFunc("/timeout", func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * time.Second):
			io.WriteString(w, "timeout")
		case <-make(chan bool):
		}
	})
	mux.HandleFunc("/env", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, cloudflare.Getenv("GREETING")+"|"+cloudflare.Getenv("MISSING"))
	})
	mux.HandleFunc("/now", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, time.Now().UTC().Format(time.RFC3339Nano))
	})
	mux.HandleFunc("/panic", func(w http.ResponseWriter, r *http.Request) { panic("the handler is broken") })
	mux.HandleFunc("/half", func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "half")
		time.Sleep(time.Second)
		panic("in the middle")
	})
	mux.HandleFunc("/exit", func(w http.ResponseWriter, r *http.Request) { os.Exit(3) })
	mux.HandleFunc("/recurse", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, recurse(1)) })
	mux.HandleFunc("/nocontent", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNoContent) })
	mux.HandleFunc("/fetch", func(w http.ResponseWriter, r *http.Request) {
		req, _ := fetch.NewRequest(r.Context(), http.MethodGet, "http://example.com/", nil)
		_, err := fetch.NewClient().Do(req, nil)
		fmt.Fprint(w, err)
	})
	mux.HandleFunc("/waituntil", func(w http.ResponseWriter, r *http.Request) {
		cloudflare.WaitUntil(func() {
			time.Sleep(time.Second)
			fmt.Println("waited")
		})
		io.WriteString(w, "ok")
	})
	mux.HandleFunc("/js", serveJS)
	return mux
}

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	return recurse(n+1) + 1
}

//go:wasmimport testhost double
func hostDouble(x int32) int32

//go:wasmexport guest_add
func guestAdd(a, b int32) int32 { return a + b }

//go:wasmexport guest_double
func guestDouble(x int32) int32 { return hostDouble(x) }

//go:wasmexport guest_block
func guestBlock() int32 {
	<-make(chan int)
	return 1
}

//go:wasmexport guest_panic
func guestPanic() int32 { panic("a broken turn") }

//go:wasmexport guest_exit
func guestExit() int32 {
	os.Exit(4)
	return 1
}

//go:wasmexport guest_recurse
func guestRecurse() int32 { return int32(recurse(1)) }

//go:wasmexport guest_print
func guestPrint() int32 {
	fmt.Println("printed in a turn")
	return 1
}

//go:wasmexport guest_trap
func guestTrap() int32 {
	trap()
	return 1
}

//go:wasmexport guest_gc
func guestGC() int32 {
	runtime.GC()
	return 1
}

//go:wasmexport guest_exit_nested
func guestExitNested() int32 {
	f := js.FuncOf(func(js.Value, []js.Value) any {
		os.Exit(5)
		return nil
	})
	js.Global().Call("tryCatch", f)
	return 1
}
