package testhost

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pelletier/go-toml/v2"
)

// wranglerConfig is the part of wrangler.toml that Workerd honours. A key that is not
// here is an error: a test must not pass with a setting that it left out.
type wranglerConfig struct {
	Name               string   `toml:"name"`
	Main               string   `toml:"main"`
	CompatibilityDate  string   `toml:"compatibility_date"`
	CompatibilityFlags []string `toml:"compatibility_flags"`
	// Build, Rules and what is alike are carried out by wrangler itself.
	Build  map[string]any   `toml:"build"`
	Rules  []map[string]any `toml:"rules"`
	Assets struct {
		Directory string `toml:"directory"`
		Binding   string `toml:"binding"`
	} `toml:"assets"`
	DurableObjects struct {
		Bindings []struct {
			Name      string `toml:"name"`
			ClassName string `toml:"class_name"`
		} `toml:"bindings"`
	} `toml:"durable_objects"`
	Migrations []struct {
		Tag              string   `toml:"tag"`
		NewSQLiteClasses []string `toml:"new_sqlite_classes"`
	} `toml:"migrations"`
	Vars map[string]any `toml:"vars"`

	// The options of a deployment, which workerd has no use for.
	Observability map[string]any `toml:"observability"`
	WorkersDev    bool           `toml:"workers_dev"`
	Limits        map[string]any `toml:"limits"`
}

func readWrangler(path string) (*wranglerConfig, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("testhost: %w", err)
	}
	var c wranglerConfig
	if err := toml.NewDecoder(bytes.NewReader(b)).DisallowUnknownFields().Decode(&c); err != nil {
		return nil, fmt.Errorf("testhost: %s: %w", path, err)
	}
	if c.Assets.Directory != "" {
		c.Assets.Directory = filepath.Join(filepath.Dir(path), c.Assets.Directory)
	}
	return &c, nil
}

// sqliteClasses are the classes that the migrations have made SQLite-backed.
func (c *wranglerConfig) sqliteClasses() map[string]bool {
	classes := map[string]bool{}
	for _, m := range c.Migrations {
		for _, class := range m.NewSQLiteClasses {
			classes[class] = true
		}
	}
	return classes
}
