// Package wrangler reads the part of a wrangler.toml that the local runner honours, and refuses the rest by name:
// what runs here must be what would be deployed.
package wrangler

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// ErrConfig is what every error about a configuration wraps.
var ErrConfig = errors.New("wrangler: invalid configuration")

// Config is what the local runner needs of a wrangler.toml
// (https://developers.cloudflare.com/workers/wrangler/configuration/). Paths are absolute.
type Config struct {
	File    string
	Name    string
	Main    string            // the main module
	Wasm    string            // the one Wasm module that Main imports
	Build   Build             // how to make the Wasm, or the zero value
	Classes []string          // the classes of Durable Objects
	Vars    map[string]string // of text
	Assets  string            // the folder of static assets, or ""
}

// Build is a command that makes the Wasm.
type Build struct{ Command, Dir string }

// file is the form of a wrangler.toml, as far as it is honoured.
type file struct {
	Name  string `toml:"name"`
	Main  string `toml:"main"`
	Build struct {
		Command  string `toml:"command"`
		Cwd      string `toml:"cwd"`
		WatchDir any    `toml:"watch_dir"` // for wrangler dev
	} `toml:"build"`
	Assets struct {
		Directory string `toml:"directory"`
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

	// What only concerns the platform or a deployment.
	CompatibilityDate  any `toml:"compatibility_date"`
	CompatibilityFlags any `toml:"compatibility_flags"`
	AccountID          any `toml:"account_id"`
	WorkersDev         any `toml:"workers_dev"`
	PreviewURLs        any `toml:"preview_urls"`
	Route              any `toml:"route"`
	Routes             any `toml:"routes"`
	Placement          any `toml:"placement"`
	Limits             any `toml:"limits"`
	Observability      any `toml:"observability"`
	Logpush            any `toml:"logpush"`
	SendMetrics        any `toml:"send_metrics"`
	KeepVars           any `toml:"keep_vars"`
	Minify             any `toml:"minify"`
	UploadSourceMaps   any `toml:"upload_source_maps"`
}

// Read reads the wrangler.toml at path and finds the Wasm module that its main module imports; whether that exists yet
// is not its business. Errors wrap [ErrConfig] or are the file system's own.
func Read(path string) (*Config, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	c, err := parse(text, filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrConfig, path, err)
	}
	c.File = path
	if c.Wasm, err = wasmOf(c.Main); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	return c, nil
}

func parse(text []byte, dir string) (*Config, error) {
	var f file
	d := toml.NewDecoder(strings.NewReader(string(text)))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		return nil, explain(err)
	}
	c := &Config{Name: f.Name, Vars: make(map[string]string, len(f.Vars))}
	switch {
	case f.Name == "":
		return nil, errors.New(`there is no "name"`)
	case f.Main == "":
		return nil, errors.New(`there is no "main"`)
	}
	abs := func(path string) string {
		if filepath.IsAbs(path) {
			return path
		}
		return filepath.Join(dir, path)
	}
	c.Main = abs(f.Main)
	if f.Build.Command != "" {
		c.Build = Build{f.Build.Command, abs(f.Build.Cwd)}
	}
	if f.Assets.Directory != "" {
		c.Assets = abs(f.Assets.Directory)
	}
	for _, name := range slices.Sorted(maps.Keys(f.Vars)) {
		s, ok := f.Vars[name].(string)
		if !ok {
			return nil, fmt.Errorf("vars.%s is not a text; the local runner supports no other vars", name)
		}
		c.Vars[name] = s
	}
	return c, c.readClasses(&f)
}

func (c *Config) readClasses(f *file) error {
	var sqlite []string
	for _, m := range f.Migrations {
		sqlite = append(sqlite, m.NewSQLiteClasses...)
	}
	for _, b := range f.DurableObjects.Bindings {
		switch {
		case b.ClassName == "":
			return fmt.Errorf("the Durable Object binding %q has no class_name", b.Name)
		case b.Name != b.ClassName:
			return fmt.Errorf("the Durable Object binding %q must have the name of its class, %q", b.Name, b.ClassName)
		case !slices.Contains(sqlite, b.ClassName):
			return fmt.Errorf("the class %q is in no migration's new_sqlite_classes: hubs need SQLite storage", b.ClassName)
		case slices.Contains(c.Classes, b.ClassName):
			return fmt.Errorf("the class %q is bound twice", b.ClassName)
		}
		c.Classes = append(c.Classes, b.ClassName)
	}
	for _, class := range sqlite {
		if !slices.Contains(c.Classes, class) {
			return fmt.Errorf("the class %q has a migration but no Durable Object binding", class)
		}
	}
	return nil
}

// explain names the keys that are not honoured, with their lines.
func explain(err error) error {
	var unknown *toml.StrictMissingError
	if !errors.As(err, &unknown) {
		var syntax *toml.DecodeError
		if errors.As(err, &syntax) {
			line, column := syntax.Position()
			return fmt.Errorf("line %d, column %d: %w", line, column, err)
		}
		return err
	}
	var keys []string
	for _, e := range unknown.Errors {
		line, _ := e.Position()
		keys = append(keys, fmt.Sprintf("%s (line %d)", strings.Join(e.Key(), "."), line))
	}
	return fmt.Errorf("the local runner does not support %s", strings.Join(keys, ", "))
}

// wasmImport finds a static import of a Wasm module: import module from "../build/app.wasm";
var wasmImport = regexp.MustCompile(`(?m)^\s*import\s+\w+\s+from\s+["']([^"']+\.wasm)["']`)

func wasmOf(main string) (string, error) {
	text, err := os.ReadFile(main)
	if err != nil {
		return "", err
	}
	found := wasmImport.FindAllSubmatch(text, -1)
	if len(found) != 1 {
		return "", fmt.Errorf("%s imports %d Wasm modules; the local runner needs exactly one, as in %q",
			main, len(found), `import module from "../build/app.wasm";`)
	}
	return filepath.Join(filepath.Dir(main), filepath.FromSlash(string(found[0][1]))), nil
}
