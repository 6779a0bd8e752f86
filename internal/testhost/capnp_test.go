package testhost

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestQuote(t *testing.T) {
	require.Equal(t, `"a\"b\\c\x0a\xc3\xa9\x00"`, quote("a\"b\\c\né\x00"))
}

func TestConfigurationNamesEverything(t *testing.T) {
	config := &wranglerConfig{Name: "x", CompatibilityDate: "2026-01-01", CompatibilityFlags: []string{"a", "b"}}
	config.Assets.Directory = "/assets"
	config.Assets.Binding = "ASSETS"
	config.DurableObjects.Bindings = append(config.DurableObjects.Bindings, struct {
		Name      string `toml:"name"`
		ClassName string `toml:"class_name"`
	}{"HUB", "Hub"})
	config.Migrations = append(config.Migrations, struct {
		Tag              string   `toml:"tag"`
		NewSQLiteClasses []string `toml:"new_sqlite_classes"`
	}{"v1", []string{"Hub"}})
	setup := workerdSetup{
		config: config, modules: []string{"worker.js", "a.wasm"}, storage: "/storage", assets: true,
		vars: map[string]any{"TEXT": "t", "NUMBER": 1},
	}
	text, err := setup.text()
	require.NoError(t, err)
	for _, part := range []string{
		`(name = "worker.js", esModule = embed "bundle/worker.js")`, `(name = "a.wasm", wasm = embed "bundle/a.wasm")`,
		`compatibilityDate = "2026-01-01"`, `compatibilityFlags = ["a", "b"]`, `(name = "HUB", durableObjectNamespace = "Hub")`,
		`(className = "Hub", uniqueKey = "x-Hub", enableSql = true)`, `(name = "TEXT", text = "t")`, `(name = "NUMBER", json = "1")`,
		`(name = "ASSETS", service = "assets")`, `service = "front")]`, `disk = (path = "/storage", writable = true)`,
	} {
		require.Contains(t, text, part)
	}
	setup.assets = false
	text, err = setup.text()
	require.NoError(t, err)
	require.Contains(t, text, `service = "program")]`)
	setup.modules = append(setup.modules, "what.xyz")
	_, err = setup.text()
	require.ErrorContains(t, err, "what.xyz")
}
