package runnertest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hubbub-edge/hubbub/localrunner/runnertest"
	"github.com/stretchr/testify/require"
)

// root is the module's.
const root = "../.."

func TestMain(m *testing.M) {
	if err := build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if left := leaked(); code == 0 && left != "" {
		fmt.Fprintln(os.Stderr, "goroutines are left behind:\n"+left)
		code = 1
	}
	os.Exit(code)
}

// build makes the app, while no other package's tests do.
func build() error {
	dir := filepath.Join(root, "build")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, ".testhost.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	cmd := exec.Command("go", "run", "./tools/buildwasm", "app")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return nil
}

// leaked returns the goroutines of this module that do not end.
func leaked() (stacks string) {
	for until := time.Now().Add(5 * time.Second); time.Now().Before(until); runtime.Gosched() {
		all := make([]byte, 1<<20)
		all = all[:runtime.Stack(all, true)]
		stacks = ""
		for _, stack := range strings.Split(string(all), "\n\n")[1:] { // without this one
			if strings.Contains(stack, "hubbub-edge/hubbub/localrunner") {
				stacks += stack + "\n\n"
			}
		}
		if stacks == "" {
			return ""
		}
	}
	return stacks
}

// events is the path of a hub's events.
func events(hub string) string { return "/hubs/" + hub + "/events" }

// publish returns the event's id.
func publish(t testing.TB, r *runnertest.Runner, hub, data string) string {
	t.Helper()
	res := r.Post(events(hub), "text/plain", data)
	require.Equal(t, 200, res.Status, res.Body)
	var v struct{ ID string }
	require.NoError(t, json.Unmarshal([]byte(res.Body), &v))
	return v.ID
}

func publishMany(t testing.TB, r *runnertest.Runner, hub string, n int) (data []string) {
	t.Helper()
	for i := range n {
		data = append(data, fmt.Sprint("event ", i))
		publish(t, r, hub, data[i])
	}
	return data
}

type info struct {
	Sessions    int
	LastEventID string
}

func infoOf(t testing.TB, r *runnertest.Runner, hub string) (i info) {
	t.Helper()
	res := r.Get("/hubs/" + hub)
	require.Equal(t, 200, res.Status, res.Body)
	require.NoError(t, json.Unmarshal([]byte(res.Body), &i))
	return i
}

func seq(id string) string {
	_, seq, _ := strings.Cut(id, "-")
	return seq
}

// named returns the data of the events of that name.
func named(c *runnertest.Client, name string) (data []string) {
	for _, e := range c.Events() {
		if e.Name == name {
			data = append(data, e.Data)
		}
	}
	return data
}
