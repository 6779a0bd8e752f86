package testhost

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLocalRunner(t *testing.T) { lifecycle(t, LocalRunner) }

func TestWorkerd(t *testing.T) { lifecycle(t, Workerd) }

// lifecycle: a host serves, a killed one is gone, and a restarted one is at the same
// address with the same storage.
func lifecycle(t *testing.T, start func(testing.TB, Program, Options) *Host) {
	h := start(t, App, Options{Vars: map[string]string{"HEARTBEAT": "2s"}})
	page := get(t, h.URL()+"/")
	require.Contains(t, page, "<!doctype html>")
	url := h.URL()
	id := publish(t, url+"/hubs/kept/events")

	rss, err := h.RSS()
	require.NoError(t, err)
	require.Greater(t, rss, int64(1<<20))

	h.Kill()
	h.Kill()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	_, err = client.Get(url + "/healthz")
	require.Error(t, err, "a killed host does not answer")
	_, err = h.RSS()
	require.Error(t, err)

	h.Restart()
	require.Equal(t, url, h.URL())
	var info struct{ LastEventID string }
	require.NoError(t, json.Unmarshal([]byte(get(t, url+"/hubs/kept")), &info))
	require.Equal(t, id, info.LastEventID, "what was published before the kill is known after it")
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	require.NoError(t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, resp.StatusCode, "%s: %s", url, body)
	return string(body)
}

func publish(t *testing.T, url string) (id string) {
	t.Helper()
	resp, err := http.Post(url, "text/plain", strings.NewReader("x"))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct{ ID string }
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.NotEmpty(t, answer.ID)
	return answer.ID
}

func TestAnnouncements(t *testing.T) {
	addr, ok := announced("listening on http://127.0.0.1:81/ ")
	require.True(t, ok)
	require.Equal(t, "127.0.0.1:81", addr)
	_, ok = announced("loading")
	require.False(t, ok)

	addr, ok = controlMessage(`{"event":"listen","socket":"http","port":82}`)
	require.True(t, ok)
	require.Equal(t, "127.0.0.1:82", addr)
	for _, line := range []string{"", "x", `{"event":"listen","socket":"other","port":1}`, `{"event":"listen-inspector","port":1}`} {
		_, ok = controlMessage(line)
		require.False(t, ok, line)
	}
}

func TestRunArgs(t *testing.T) {
	args := runArgs("w.toml", "dir", map[string]string{"B": "2", "A": "1"})("127.0.0.1:0")
	require.Equal(t, "run --no-build --config w.toml --addr 127.0.0.1:0 --storage dir --var A=1 --var B=2", strings.Join(args, " "))
}

func TestTailKeepsTheEnd(t *testing.T) {
	var out tail
	for i := range 20_000 {
		fmt.Fprintf(&out, "line %6d\n", i)
	}
	require.Less(t, len(out.buf), 2*maxTail)
	require.GreaterOrEqual(t, len(out.buf), maxTail)
	require.True(t, strings.HasSuffix(out.String(), "line  19999\n"))
	require.Contains(t, out.String(), fmt.Sprintf("[%d bytes before]", 20_000*12-len(out.buf)))
}

func TestLaunchReportsAnEarlyEnd(t *testing.T) {
	p, _, err := launch(command{name: "false", args: func(string) []string { return nil }, listening: announced}, "")
	require.ErrorContains(t, err, "ended before it listened")
	p.kill()
	_, _, err = launch(command{name: "/no/such/program", args: func(string) []string { return nil }, listening: announced}, "")
	require.Error(t, err)
}
