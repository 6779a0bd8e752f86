package main

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/hubbub-edge/hubbub/worker"
)

// handler serves what is no hub's, on an instance of its own for each request: it may wait.
func handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /handler/hello", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintln(w, "hello, handler")
	})
	mux.HandleFunc("/handler/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		w.Header().Set("X-Method", r.Method)
		io.Copy(w, r.Body)
	})
	mux.HandleFunc("GET /handler/stream", stream)
	mux.HandleFunc("GET /handler/env", func(w http.ResponseWriter, r *http.Request) {
		value := worker.Env(r.FormValue("name"))
		if value == "" {
			http.Error(w, "there is no such var", http.StatusNotFound)
			return
		}
		io.WriteString(w, value)
	})
	mux.HandleFunc("GET /handler/status", func(w http.ResponseWriter, r *http.Request) {
		code, err := strconv.Atoi(r.FormValue("code"))
		if err != nil || code < 200 || code > 599 {
			http.Error(w, "code is no status", http.StatusBadRequest)
			return
		}
		w.WriteHeader(code)
	})
	mux.HandleFunc("GET /handler/panic", func(http.ResponseWriter, *http.Request) { panic("a panic on purpose") })
	return mux
}

// stream sends n lines, 20 ms apart.
func stream(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(r.FormValue("n"))
	if err != nil || n < 1 || n > 1000 {
		http.Error(w, "n is not between 1 and 1000", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	for i := range n {
		if i > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		fmt.Fprintf(w, "%s %d\n", r.FormValue("tag"), i+1)
	}
}
