package policy

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const module = "github.com/hubbub-edge/hubbub"

// layers says which of our own packages a package's non-test files may import. "..." at the end means a folder with all
// below it. A package that is not here is new: say where it belongs.
var layers = map[string][]string{
	"actor":              {},
	"actor/actortest":    {"actor", "internal/sse"},
	"actor/eventhub":     {"actor"},
	"abi":                {"actor"},
	"abi/gen":            {"abi", "actor"},
	"worker":             {"abi", "actor"},
	"worker/app":         {"worker", "worker/app/service"},
	"worker/app/service": {"actor", "actor/eventhub"},

	"localrunner":                   {"abi", "actor", "localrunner/internal/..."},
	"localrunner/internal/gojs":     {},
	"localrunner/internal/storage":  {},
	"localrunner/internal/wrangler": {},
	"localrunner/cmd/hubbub":        {"localrunner", "localrunner/internal/wrangler"},
	"localrunner/runnertest":        {"actor", "internal/sse", "localrunner"},

	// The suite knows a URL and nothing else.
	"conformance":            {"internal/sse"},
	"conformance/testworker": {"actor", "actor/eventhub", "worker", "worker/app/service"},

	"soak":              {"internal/sse"},
	"tools/buildwasm":   {},
	"internal/policy":   {},
	"internal/readme":   {},
	"internal/sse":      {},
	"internal/testhost": {},
	"bench/...":         {"internal/sse", "internal/testhost", "bench/..."},
	"e2e/...":           {"internal/testhost", "e2e/..."},
}

// Only these packages may touch syscall/js or be compiled for one platform alone: they are the program's own side.
var platform = []string{"worker", "worker/app", "conformance/testworker"}

func TestImports(t *testing.T) {
	seen := 0
	for _, target := range []string{"linux/amd64", "js/wasm"} {
		for pkg, imports := range list(t, target) {
			rule, ok := ruleOf(pkg)
			if strings.Contains(pkg, "/testdata/") {
				continue
			}
			if !assert.True(t, ok, "%s has no rule", pkg) {
				continue
			}
			seen++
			for _, imported := range imports {
				own, ok := strings.CutPrefix(imported, module+"/")
				if ok && own != pkg {
					assert.True(t, matchAny(rule, own), "%s must not import %s", pkg, own)
				}
				if imported == "syscall/js" || strings.HasPrefix(imported, "github.com/syumai/workers") {
					assert.Contains(t, platform, pkg, "it imports %s", imported)
				}
			}
		}
	}
	assert.Greater(t, seen, 20, "too few packages were looked at")
}

func ruleOf(pkg string) ([]string, bool) {
	for pattern, rule := range layers {
		if match(pattern, pkg) {
			return rule, true
		}
	}
	return nil, false
}

func matchAny(patterns []string, pkg string) bool {
	for _, p := range patterns {
		if match(p, pkg) {
			return true
		}
	}
	return false
}

func match(pattern, pkg string) bool {
	folder, all := strings.CutSuffix(pattern, "/...")
	return pkg == folder || all && strings.HasPrefix(pkg, folder+"/")
}

// list returns the imports of each of our packages for a target, by path without the module's.
func list(t *testing.T, target string) map[string][]string {
	t.Helper()
	goos, goarch, _ := strings.Cut(target, "/")
	cmd := exec.Command("go", "list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	packages := make(map[string][]string)
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) > 0 && strings.HasPrefix(fields[0], module+"/") {
			packages[strings.TrimPrefix(fields[0], module+"/")] = fields[1:]
		}
	}
	return packages
}
