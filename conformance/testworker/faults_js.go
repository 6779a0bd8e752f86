package main

import (
	"errors"
	"os"
	"strings"
	"time"

	"github.com/hubbub-edge/hubbub/actor"
	"github.com/hubbub-edge/hubbub/worker/app/service"
)

// faultPath splits /hubs/{name}/faults/{kind}.
func faultPath(path string) (name, kind string, ok bool) {
	name, rest, ok, err := actor.SplitPath(path, service.Path)
	if !ok || err != nil {
		return "", "", false
	}
	kind, ok = strings.CutPrefix(rest, "/faults/")
	return name, kind, ok
}

// faults are the ways in which a turn fails.
var faults = map[string]func() error{
	"none":  func() error { return nil },
	"panic": func() error { panic("a panic on purpose") },
	"error": func() error { return errors.New("an error on purpose") },
	"nil": func() error {
		var m map[string]int
		m["nobody made this map"] = 1
		return nil
	},
	"block": func() error {
		<-make(chan struct{})
		return nil
	},
	"sleep": func() error {
		time.Sleep(time.Minute) // a short one may be over before the scheduler looks
		return nil
	},
	"goroutine": func() error {
		go func() { <-make(chan struct{}) }()
		return nil
	},
	"exit": func() error {
		os.Exit(3)
		return nil
	},
	"recurse": func() error { return errors.New(strings.Repeat(" ", recurse(1))) },
	"memory": func() error {
		for {
			hoard = append(hoard, make([]byte, 64<<20))
		}
	},
}

var hoard [][]byte

func recurse(n int) int {
	if n == 0 {
		return 0
	}
	return recurse(n+1) + 1
}
