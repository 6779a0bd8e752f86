// Command stock is what the app answers to /healthz, written as syumai/workers' own template is.
package main

import (
	"net/http"

	"github.com/syumai/workers"
)

func main() {
	http.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Cache-Control", "no-store")
		header.Set("Content-Type", "text/plain; charset=utf-8")
		w.Write([]byte("ok"))
	})
	workers.Serve(nil)
}
