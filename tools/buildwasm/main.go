// Command buildwasm builds a program's Wasm into the folder build, and puts Go's half of its JavaScript beside it. It
// needs Go alone.
//
//	go run ./tools/buildwasm app
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// programs are the packages of the programs that can be built.
var programs = map[string]string{
	"app":        "./worker/app",
	"testworker": "./conformance/testworker",
}

func main() {
	if err := build(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "buildwasm:", err)
		os.Exit(1)
	}
}

// build is to be run at the module's root.
func build(args []string) error {
	if len(args) != 1 || programs[args[0]] == "" {
		return fmt.Errorf("name one program: app or testworker")
	}
	if err := os.MkdirAll("build", 0o755); err != nil {
		return err
	}
	goroot, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	// It belongs to the toolchain that builds the Wasm.
	js, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(goroot)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join("build", "wasm_exec.js"), js, 0o644); err != nil {
		return err
	}
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w",
		"-o", filepath.Join("build", args[0]+".wasm"), programs[args[0]])
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	return cmd.Run()
}
