package readme

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/hubbub-edge/hubbub/internal/testhost"
	"github.com/hubbub-edge/hubbub/localrunner"
	"github.com/hubbub-edge/hubbub/worker/app/service"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const root = "../.."

// block returns the README's one fenced block that a comment marks.
func block(t *testing.T, mark string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)<!-- "+mark+" -->\n```\\w+\n(.*?)```").FindAllSubmatch(text, -1)
	require.Len(t, found, 1, "blocks marked %q", mark)
	return string(found[0][1])
}

// The commands of the first minute, against the running app.
func TestCommands(t *testing.T) {
	const said = "http://localhost:8787"
	script := block(t, "run")
	require.Contains(t, script, said)
	host := testhost.LocalRunner(t, testhost.App, testhost.Options{})
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(script, said, host.URL())+"\nwait")
	out, err := cmd.Output()
	var exit *exec.ExitError
	if err != nil && assert.ErrorAs(t, err, &exit) {
		t.Fatalf("%v: %s", err, exit.Stderr)
	}
	for _, want := range []string{
		"event: connected\n",
		"event: chat\ndata: {\"from\":\"curl\",\"text\":\"hello\"}\n\n",
		`{"id":"`,
		`{"hub":"lobby","sessions":1,"lastEventId":"`,
	} {
		assert.Contains(t, string(out), want)
	}
}

// The table of vars is the app's.
func TestVars(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	require.NoError(t, err)
	want := "<!-- vars -->\n| var | default | means |\n|---|---|---|\n"
	for _, v := range service.Vars {
		want += fmt.Sprintf("| `%s` | `%s` | %s |\n", v.Name, v.Default, v.Means)
	}
	assert.Contains(t, string(text), want+"\n")
}

// The hub of one's own, built as its reader would and served by the local runner.
func TestCounter(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
		return path
	}
	source := write("main.go", block(t, "build"))
	write("worker.mjs", `import module from "./app.wasm";`)
	config := write("wrangler.toml", `
name = "counter"
main = "worker.mjs"
[[durable_objects.bindings]]
name = "Counter"
class_name = "Counter"
[[migrations]]
tag = "v1"
new_sqlite_classes = ["Counter"]
`)
	cmd := exec.Command("go", "build", "-o", filepath.Join(dir, "app.wasm"), source)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)

	runner, err := localrunner.New(localrunner.Options{Config: config})
	require.NoError(t, err)
	server := httptest.NewServer(runner)
	defer server.Close()
	defer func() { assert.NoError(t, runner.Close(t.Context())) }()

	stream, err := http.Get(server.URL + "/counters/a/events")
	require.NoError(t, err)
	defer stream.Body.Close()
	for _, want := range []string{"1", "2"} {
		res, err := http.Post(server.URL+"/counters/a", "", nil)
		require.NoError(t, err)
		body, err := io.ReadAll(res.Body)
		require.NoError(t, err)
		assert.Equal(t, want, string(body))
	}
	const want = "retry: 2000\n\nevent: count\ndata: 1\n\nevent: count\ndata: 2\n\n"
	wire := make([]byte, len(want))
	_, err = io.ReadFull(stream.Body, wire)
	require.NoError(t, err)
	assert.Equal(t, want, string(wire))
}
