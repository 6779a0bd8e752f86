// Command hubbub runs a Hubbub program on this machine.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

var cli struct {
	Run runCmd `cmd:"" default:"withargs" help:"Serve the program that a wrangler.toml names (the default)."`
}

func main() {
	ctx := kong.Parse(&cli,
		kong.Name("hubbub"),
		kong.Description("Runs a Hubbub program, the same Wasm that is deployed to Cloudflare, on this machine."),
		kong.UsageOnError(),
		kong.Help(help),
	)
	if err := ctx.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "hubbub:", err)
		os.Exit(1)
	}
}

// help shows the flags of the default command where no command is named: they can be given there.
func help(opts kong.HelpOptions, ctx *kong.Context) error {
	if ctx.Selected() == nil {
		run, err := kong.Trace(ctx.Kong, []string{"run"})
		if err != nil {
			return err
		}
		ctx = run
	}
	return kong.DefaultHelpPrinter(opts, ctx)
}
