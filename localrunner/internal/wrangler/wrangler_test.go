package wrangler

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	head = "name = \"app\"\nmain = \"src/worker.mjs\"\n"
	hub  = `
[[durable_objects.bindings]]
name = "Hub"
class_name = "Hub"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Hub"]
`
	module = `import "./polyfill.mjs";
import module from "../build/app.wasm";
// import module from "../build/other.wasm";
import { hubbub } from "./shim.mjs";
`
)

// write makes a project of a configuration and a main module, and returns the configuration's path.
func write(t testing.TB, config, main string) string {
	t.Helper()
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "src"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "src", "worker.mjs"), []byte(main), 0o644))
	path := filepath.Join(dir, "wrangler.toml")
	require.NoError(t, os.WriteFile(path, []byte(config), 0o644))
	return path
}

func TestRead(t *testing.T) {
	path := write(t, head+`
compatibility_date = "2026-11-01"
compatibility_flags = ["enable_request_signal"]
workers_dev = true
routes = [{ pattern = "example.com", custom_domain = true }]
[build]
command = "make"
cwd = "src"
watch_dir = ["a", "b"]
[assets]
directory = "./public"
[vars]
ONE = "1"
EMPTY = ""
[observability]
enabled = true
`+hub, module)
	c, err := Read(path)
	require.NoError(t, err)
	dir := filepath.Dir(path)
	assert.Equal(t, &Config{
		File:    path,
		Name:    "app",
		Main:    filepath.Join(dir, "src", "worker.mjs"),
		Wasm:    filepath.Join(dir, "build", "app.wasm"),
		Build:   Build{"make", filepath.Join(dir, "src")},
		Classes: []string{"Hub"},
		Vars:    map[string]string{"ONE": "1", "EMPTY": ""},
		Assets:  filepath.Join(dir, "public"),
	}, c)
}

func TestReadPaths(t *testing.T) {
	path := write(t, head, module)
	t.Chdir(filepath.Join(filepath.Dir(path), "src"))
	c, err := Read("../wrangler.toml")
	require.NoError(t, err)
	assert.Equal(t, path, c.File, "paths are absolute")
	assert.True(t, filepath.IsAbs(c.Wasm))
	assert.Equal(t, Build{}, c.Build)
	assert.Empty(t, c.Assets)

	elsewhere := filepath.Join(t.TempDir(), "main.mjs")
	require.NoError(t, os.WriteFile(elsewhere, []byte(module), 0o644))
	c, err = Read(write(t, fmt.Sprintf("name = 'app'\nmain = '%s'\n[build]\ncommand = 'x'\n[assets]\ndirectory = '%s'", elsewhere, filepath.Dir(elsewhere)), ""))
	require.NoError(t, err)
	assert.Equal(t, elsewhere, c.Main)
	assert.Equal(t, filepath.Dir(elsewhere), c.Assets)
	assert.Equal(t, filepath.Dir(c.File), c.Build.Dir, "without cwd it is the configuration's folder")
}

func TestReadRefuses(t *testing.T) {
	second := strings.ReplaceAll(hub, "Hub", "Room")
	for config, message := range map[string]string{
		"main = \"x\"":              `there is no "name"`,
		"name = \"x\"":              `there is no "main"`,
		"":                          `there is no "name"`,
		"name = ":                   "line 1, column",
		head + "name = \"again\"":   "line 3",
		"name = 5\n":                "line 1",
		"main = [\"a\"]":            "line 1",
		head + "kv_namespaces = []": "does not support kv_namespaces (line 3)",
		head + "[triggers]\ncrons = [\"* * * *\"]":                                 "triggers",
		head + "[env.staging]\nname = \"x\"":                                       "env",
		head + "[[r2_buckets]]\nbinding = \"B\"":                                   "r2_buckets",
		head + "[[d1_databases]]\nbinding = \"D\"":                                 "d1_databases",
		head + "[[queues.consumers]]\nqueue = \"q\"":                               "queues",
		head + "[assets]\nbinding = \"ASSETS\"\nnot_found_handling = \"404-page\"": "assets.binding (line 4), assets.not_found_handling (line 5)",
		head + "[build]\nupload = 1":                                               "build.upload (line 4)",
		head + "[vars]\nB = 2\nA = 1":                                              "vars.A is not a text",
		head + "[vars]\nA = true":                                                  "vars.A is not a text",
		head + "[vars.A]\nb = \"nested\"":                                          "vars.A is not a text",
		head + "[vars]\nA = [\"list\"]":                                            "vars.A is not a text",
		head + "[vars]\nA = 2026-01-02":                                            "vars.A is not a text",
		head + strings.Replace(hub, `class_name = "Hub"`, "", 1):                   `the Durable Object binding "Hub" has no class_name`,
		head + strings.Replace(hub, `name = "Hub"`, `name = "HUB"`, 1):             `"HUB" must have the name of its class, "Hub"`,
		head + strings.Replace(hub, `["Hub"]`, `[]`, 1):                            `the class "Hub" is in no migration's new_sqlite_classes`,
		head + strings.Replace(hub, "new_sqlite_classes", "new_classes", 1):        "migrations.new_classes (line 9)",
		head + strings.Replace(hub, `["Hub"]`, `["Hub", "Room"]`, 1):               `the class "Room" has a migration but no Durable Object binding`,
		head + hub + hub: `the class "Hub" is bound twice`,
		head + strings.Replace(hub, `class_name`, "script_name = \"other\"\nclass_name", 1): "durable_objects.bindings.script_name (line 6)",
		head + hub + second + "renamed_classes = []":                                        "migrations.renamed_classes",
	} {
		_, err := Read(write(t, config, module))
		assert.ErrorIs(t, err, ErrConfig, config)
		assert.ErrorContains(t, err, message, config)
		assert.ErrorContains(t, err, "wrangler.toml", config)
	}
}

func TestReadRefusesMainModules(t *testing.T) {
	for main, message := range map[string]string{
		"":                  "imports 0 Wasm modules",
		"import './a.wasm'": "imports 0 Wasm modules",
		module + "import second from './second.wasm';\n": "imports 2 Wasm modules",
		"const module = await import('./a.wasm');":       "imports 0 Wasm modules",
	} {
		_, err := Read(write(t, head, main))
		assert.ErrorIs(t, err, ErrConfig, main)
		assert.ErrorContains(t, err, message, main)
		assert.ErrorContains(t, err, "worker.mjs", main)
	}
	path := write(t, head, module)
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(path), "src", "worker.mjs")))
	_, err := Read(path)
	assert.ErrorIs(t, err, ErrConfig)
	assert.ErrorIs(t, err, os.ErrNotExist)

	_, err = Read(filepath.Join(t.TempDir(), "wrangler.toml"))
	assert.ErrorIs(t, err, os.ErrNotExist)
	assert.False(t, errors.Is(err, ErrConfig), "there is nothing to be wrong")
}

// TestOurOwn: what is in the repository must be honoured.
func TestOurOwn(t *testing.T) {
	for _, path := range []string{"../../../wrangler.toml", "../../../conformance/testworker/wrangler.toml"} {
		c, err := Read(path)
		require.NoError(t, err)
		assert.Equal(t, []string{"Hub"}, c.Classes)
		assert.Equal(t, "build", filepath.Base(filepath.Dir(c.Wasm)))
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", head, head + hub, head + "[vars]\nA = 1", "name = '\x00'", "[[[", "a.b.c = {}", head + "[assets]\ndirectory = '..'"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		dir := t.TempDir()
		c, err := parse(text, dir)
		if err != nil {
			return
		}
		if c.Name == "" || !filepath.IsAbs(c.Main) || c.Vars == nil || c.Assets != "" && !filepath.IsAbs(c.Assets) {
			t.Errorf("%q gave %+v", text, c)
		}
		if c.Build.Command != "" && !filepath.IsAbs(c.Build.Dir) {
			t.Errorf("%q gave %+v", text, c)
		}
	})
}
