// Command app is the ready Hubbub service: a hub for every name under /hubs/, and a chat page at /.
package main

import (
	"fmt"
	"os"

	"github.com/hubbub-edge/hubbub/worker"
	"github.com/hubbub-edge/hubbub/worker/app/service"
)

func main() {
	p, err := service.Program(worker.Env)
	if err != nil {
		fmt.Fprintln(os.Stderr, "app:", err)
		os.Exit(1)
	}
	worker.Serve(p, nil)
}
