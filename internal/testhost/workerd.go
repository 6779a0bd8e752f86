package testhost

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

//go:embed router.mjs
var router []byte

// Workerd starts workerd with the program's bundle, its storage on disk. It skips the
// test where the npm packages are not installed, or fails it when CI is set.
func Workerd(t testing.TB, p Program, opts Options) *Host {
	t.Helper()
	root := root(t)
	workerd := requireWorkerd(t, root)
	if err := buildBundle(root, p); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := writeWorkerd(dir, root, p, opts, opts.storage(t)); err != nil {
		t.Fatal(err)
	}
	return start(t, command{
		name: workerd,
		dir:  dir,
		args: func(addr string) []string {
			return []string{"serve", "config.capnp", "--socket-addr", "http=" + addr, "--control-fd", "3"}
		},
		listening: controlMessage,
		controlFD: true,
	})
}

// requireWorkerd returns the path of workerd's binary.
func requireWorkerd(t testing.TB, root string) string {
	t.Helper()
	workerd, err := workerdBinary(root)
	if err == nil {
		_, err = os.Stat(bin(root, "node"))
	}
	if err == nil {
		return workerd
	}
	const how = "workerd and its Node are not installed, so nothing is tested on workerd; `npm ci` at the module's root installs them"
	if os.Getenv("CI") != "" {
		t.Fatalf("testhost: %s (%v)", how, err)
	}
	t.Skip("testhost: " + how)
	return ""
}

// controlMessage extracts the address from {"event":"listen","socket":"http","port":N}.
func controlMessage(line string) (string, bool) {
	var message struct {
		Event, Socket string
		Port          int
	}
	if err := json.Unmarshal([]byte(line), &message); err != nil || message.Event != "listen" || message.Socket != "http" {
		return "", false
	}
	return "127.0.0.1:" + strconv.Itoa(message.Port), true
}

// writeWorkerd fills dir with a configuration, a copy of the bundle, so that a later
// build does not change what a restart runs, and the assets front.
func writeWorkerd(dir, root string, p Program, opts Options, storage string) error {
	config, err := readWrangler(p.config(root))
	if err != nil {
		return err
	}
	modules, err := copyBundle(filepath.Join(dir, "bundle"), bundleDir(root, p), config.Main)
	if err != nil {
		return err
	}
	setup := workerdSetup{config: config, modules: modules, vars: map[string]any{}, storage: storage, assets: !opts.NoAssets}
	maps.Copy(setup.vars, config.Vars)
	for name, value := range opts.Vars {
		setup.vars[name] = value
	}
	text, err := setup.text()
	if err != nil {
		return err
	}
	files := map[string][]byte{"config.capnp": []byte(text)}
	if config.Assets.Directory != "" {
		assets, err := manifest(config.Assets.Directory)
		if err != nil {
			return err
		}
		if files["assets.json"], err = json.Marshal(assets); err != nil {
			return err
		}
		files["router.mjs"] = router
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o644); err != nil {
			return fmt.Errorf("testhost: %w", err)
		}
	}
	return nil
}

// copyBundle copies the modules of a bundle and returns their names, the main one first.
func copyBundle(to, from, main string) ([]string, error) {
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		return nil, fmt.Errorf("testhost: %w", err)
	}
	entries, err := os.ReadDir(to)
	if err != nil {
		return nil, fmt.Errorf("testhost: %w", err)
	}
	// wrangler names the main module after the source, as JavaScript.
	entry := strings.TrimSuffix(filepath.Base(main), filepath.Ext(main)) + ".js"
	modules := []string{entry}
	found := false
	for _, e := range entries {
		switch name := e.Name(); {
		case name == entry:
			found = true
		case name == "README.md" || strings.HasSuffix(name, ".map"):
		default:
			modules = append(modules, name)
		}
	}
	if !found {
		return nil, errors.New("testhost: the bundle has no " + entry)
	}
	return modules, nil
}
