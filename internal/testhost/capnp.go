package testhost

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
)

// workerdSetup is what a workerd configuration is written from.
type workerdSetup struct {
	config *wranglerConfig
	// modules are the bundle's files, the main module first.
	modules []string
	vars    map[string]any
	storage string
	// assets, when set, puts the assets front before the program.
	assets bool
}

// text returns the configuration in Cap'n Proto's text form. Modules are embedded from
// the folder "bundle" beside it, the assets front's from the folder itself.
func (s workerdSetup) text() (string, error) {
	modules, err := s.moduleList()
	if err != nil {
		return "", err
	}
	bindings, err := s.bindings()
	if err != nil {
		return "", err
	}
	services := []string{
		`(name = "program", worker = .program)`,
		fmt.Sprintf(`(name = "storage", disk = (path = %s, writable = true))`, quote(s.storage)),
	}
	entry := "program"
	if s.config.Assets.Directory != "" {
		services = append(services,
			fmt.Sprintf(`(name = "files", disk = (path = %s))`, quote(s.config.Assets.Directory)),
			`(name = "assets", worker = .assets)`)
		if s.assets {
			services = append(services, `(name = "front", worker = .front)`)
			entry = "front"
		}
	}
	var b strings.Builder
	b.WriteString("using Workerd = import \"/workerd/workerd.capnp\";\n\n")
	fmt.Fprintf(&b, "const config :Workerd.Config = (\n  services = [\n    %s,\n  ],\n", strings.Join(services, ",\n    "))
	fmt.Fprintf(&b, "  sockets = [(name = \"http\", address = \"127.0.0.1:0\", http = (), service = %q)],\n);\n\n", entry)
	fmt.Fprintf(&b, "const program :Workerd.Worker = (\n  modules = [\n    %s,\n  ],\n", strings.Join(modules, ",\n    "))
	fmt.Fprintf(&b, "  compatibilityDate = %s,\n  compatibilityFlags = [%s],\n",
		quote(s.config.CompatibilityDate), strings.Join(quoteAll(s.config.CompatibilityFlags), ", "))
	fmt.Fprintf(&b, "  bindings = [%s],\n", strings.Join(bindings, ", "))
	fmt.Fprintf(&b, "  durableObjectNamespaces = [%s],\n", strings.Join(s.namespaces(), ", "))
	b.WriteString("  durableObjectStorage = (localDisk = \"storage\"),\n);\n")
	if s.config.Assets.Directory != "" {
		b.WriteString(frontText("assets", ""))
		b.WriteString(frontText("front", `, (name = "APP", service = "program")`))
	}
	return b.String(), nil
}

// frontText is the worker of router.mjs: as the front it has the program behind it, as
// the program's ASSETS binding nothing.
func frontText(name, binding string) string {
	return fmt.Sprintf(`
const %s :Workerd.Worker = (
  modules = [
    (name = "router.mjs", esModule = embed "router.mjs"),
    (name = "assets.json", json = embed "assets.json"),
  ],
  compatibilityDate = "2026-01-01",
  bindings = [(name = "FILES", service = "files")%s],
);
`, name, binding)
}

func (s workerdSetup) moduleList() ([]string, error) {
	var list []string
	for _, name := range s.modules {
		kind := map[string]string{".js": "esModule", ".mjs": "esModule", ".wasm": "wasm", ".txt": "text", ".html": "text", ".bin": "data"}[filepath.Ext(name)]
		if kind == "" {
			return nil, fmt.Errorf("testhost: the bundle has %s, of which it is not known what kind of module it is", name)
		}
		list = append(list, fmt.Sprintf("(name = %s, %s = embed %s)", quote(name), kind, quote("bundle/"+name)))
	}
	return list, nil
}

func (s workerdSetup) bindings() ([]string, error) {
	var list []string
	for _, b := range s.config.DurableObjects.Bindings {
		list = append(list, fmt.Sprintf("(name = %s, durableObjectNamespace = %s)", quote(b.Name), quote(b.ClassName)))
	}
	if name := s.config.Assets.Binding; name != "" {
		list = append(list, fmt.Sprintf(`(name = %s, service = "assets")`, quote(name)))
	}
	for _, name := range slices.Sorted(maps.Keys(s.vars)) {
		if text, ok := s.vars[name].(string); ok {
			list = append(list, fmt.Sprintf("(name = %s, text = %s)", quote(name), quote(text)))
			continue
		}
		value, err := json.Marshal(s.vars[name])
		if err != nil {
			return nil, fmt.Errorf("testhost: var %s: %w", name, err)
		}
		list = append(list, fmt.Sprintf("(name = %s, json = %s)", quote(name), quote(string(value))))
	}
	return list, nil
}

func (s workerdSetup) namespaces() []string {
	var list []string
	sqlite := s.config.sqliteClasses()
	for _, class := range slices.Sorted(maps.Keys(sqlite)) {
		// The key names the folder of the class's storage, so it must not change.
		list = append(list, fmt.Sprintf("(className = %s, uniqueKey = %s, enableSql = true)", quote(class), quote(s.config.Name+"-"+class)))
	}
	return list
}

// quote writes a text literal of Cap'n Proto, whose escapes are C's.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c >= 0x7F:
			fmt.Fprintf(&b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func quoteAll(list []string) []string {
	quoted := make([]string, len(list))
	for i, s := range list {
		quoted[i] = quote(s)
	}
	return quoted
}
