package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience bounds what a test waits for; only a failure takes so long.
const patience = time.Minute

// asCommand has this test's program be the command instead.
const asCommand = "HUBBUB_TEST_AS_COMMAND"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// program returns the wrangler.toml of the conformance suite's program, which it builds.
var program = sync.OnceValues(func() (string, error) {
	root, err := filepath.Abs("../../..")
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Join(root, "build"), 0o755); err != nil {
		return "", err
	}
	lock, err := os.OpenFile(filepath.Join(root, "build", ".testhost.lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", err
	}
	defer lock.Close() // gives the lock back
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "run", "./tools/buildwasm", "testworker")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%s: %w\n%s", cmd, err, out)
	}
	return filepath.Join(root, "conformance", "testworker", "wrangler.toml"), nil
})

// process is the command, running.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr bytes.Buffer
}

func start(t *testing.T, env []string, args ...string) *process {
	t.Helper()
	p := &process{t: t, cmd: exec.CommandContext(t.Context(), os.Args[0], args...)}
	p.cmd.Env = append(append(os.Environ(), asCommand+"=1", "PORT=0", "ADDR=127.0.0.1"), env...)
	p.cmd.Dir = t.TempDir()
	p.cmd.Stderr = &p.stderr
	out, err := p.cmd.StdoutPipe()
	require.NoError(t, err)
	p.stdout = bufio.NewReader(out)
	require.NoError(t, p.cmd.Start())
	kill := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	t.Cleanup(func() { kill.Stop() })
	return p
}

// until returns the first line that begins with prefix, without it.
func (p *process) until(prefix string) string {
	p.t.Helper()
	for {
		line, err := p.stdout.ReadString('\n')
		if rest, ok := strings.CutPrefix(line, prefix); ok {
			return strings.TrimSpace(rest)
		}
		if err != nil {
			p.cmd.Wait()
			require.FailNow(p.t, "the command has ended", "%v\n%s", p.cmd.ProcessState, p.stderr.String())
		}
	}
}

// end waits for the end, and returns the exit code.
func (p *process) end() int {
	p.t.Helper()
	_, err := io.Copy(io.Discard, p.stdout)
	require.NoError(p.t, err)
	err = p.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(p.t, err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func serve(t *testing.T, env []string, args ...string) (p *process, url string) {
	t.Helper()
	config, err := program()
	require.NoError(t, err)
	p = start(t, env, append([]string{"run", "--no-build", "--config", config}, args...)...)
	return p, p.until("listening on ")
}

func TestSignalShutsDown(t *testing.T) {
	storage := t.TempDir()
	p, url := serve(t, nil, "--storage", storage)
	res, err := http.Get(url + "/hubs/a/events")
	require.NoError(t, err)
	defer res.Body.Close()
	posted, err := http.Post(url+"/hubs/a/events", "text/plain", strings.NewReader("kept"))
	require.NoError(t, err)
	posted.Body.Close()
	require.Equal(t, 200, posted.StatusCode)

	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	wire, err := io.ReadAll(res.Body)
	assert.NoError(t, err, "the stream ends, it does not break")
	assert.Contains(t, string(wire), "data: kept\n\n")
	assert.Regexp(t, `\n\nretry: [1-5]\d{3}\n\n$`, string(wire))
	assert.Zero(t, p.end(), &p.stderr)

	_, url = serve(t, nil, "--storage", storage)
	res, err = http.Get(url + "/hubs/a")
	require.NoError(t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	require.NoError(t, err)
	assert.Contains(t, string(body), `-1"`)
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p, url := serve(t, nil, "--storage", "memory", "--grace", "10m")
	res, err := http.Get(url + "/handler/stream?n=1000&tag=x") // for 20 seconds
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	p.until("interrupt: shutting down")
	require.NoError(t, p.cmd.Process.Signal(os.Interrupt))
	assert.Equal(t, 130, p.end())
	_, err = io.Copy(io.Discard, res.Body)
	assert.Error(t, err)
}

func TestGraceIsBounded(t *testing.T) {
	p, url := serve(t, nil, "--storage", "memory", "--grace", "50ms")
	res, err := http.Get(url + "/handler/stream?n=1000&tag=x")
	require.NoError(t, err)
	defer res.Body.Close()
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	p.until("some clients were still there after 50ms")
	assert.Zero(t, p.end(), &p.stderr)
}

func TestPortInUse(t *testing.T) {
	config, err := program()
	require.NoError(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	p := start(t, nil, "--no-build", "--config", config, "--storage", "memory", "--addr", l.Addr().String())
	assert.Equal(t, 1, p.end())
	assert.Contains(t, p.stderr.String(), "hubbub: listen tcp "+l.Addr().String())
	assert.Contains(t, p.stderr.String(), "address already in use")
}

func TestEnvironment(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	_, port, err := net.SplitHostPort(l.Addr().String())
	require.NoError(t, err)
	require.NoError(t, l.Close())
	p, url := serve(t, []string{"PORT=" + port, "ADDR=127.0.0.1"}, "--storage", "memory", "--var", "HEARTBEAT=1s")
	assert.Equal(t, "http://127.0.0.1:"+port, url)
	require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
	assert.Zero(t, p.end())
}

func TestErrors(t *testing.T) {
	dir := t.TempDir()
	config := filepath.Join(dir, "wrangler.toml")
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.mjs"), []byte("import m from './m.wasm';"), 0o644))
	require.NoError(t, os.WriteFile(config, []byte("name='x'\nmain='main.mjs'\n[build]\ncommand='echo building; exit 3'"), 0o644))
	for message, args := range map[string][]string{
		"no such file or directory":                              {"--config", filepath.Join(dir, "other.toml")},
		"open " + filepath.Join(dir, "none.toml"):                {"--no-build", "--config", filepath.Join(dir, "none.toml")},
		`the build command "echo building; exit 3" failed: exit`: {"--config", config},
		"the program is not built: open " + dir + "/m.wasm":      {"--no-build", "--config", config},
		"--port":              {"--port", "http"},
		"unknown flag --what": {"--what"},
	} {
		p := start(t, nil, append(args, "--storage=memory")...)
		assert.NotZero(t, p.end())
		assert.Contains(t, p.stderr.String(), message)
		assert.NotContains(t, p.stderr.String(), "goroutine", "an error is no crash")
	}
}

func TestHelpMentionsEveryFlag(t *testing.T) {
	for _, args := range [][]string{{"--help"}, {"run", "--help"}} {
		p := start(t, nil, args...)
		out, err := io.ReadAll(p.stdout)
		require.NoError(t, err)
		assert.Zero(t, p.end())
		for _, f := range reflect.VisibleFields(reflect.TypeFor[runCmd]()) {
			name := strings.ToLower(f.Name)
			if name == "nobuild" {
				name = "no-build"
			}
			assert.Contains(t, string(out), "--"+name, args)
		}
		for _, env := range []string{"$PORT", "$ADDR"} {
			assert.Contains(t, string(out), env, args)
		}
	}
}

func TestAddress(t *testing.T) {
	for addr, want := range map[string]string{
		"localhost":    "localhost:8787",
		"localhost:80": "localhost:80",
		"0.0.0.0":      "0.0.0.0:8787",
		":80":          ":80",
		"":             ":8787",
		"::1":          "[::1]:8787",
		"[::1]":        "[::1]:8787",
		"[::1]:80":     "[::1]:80",
		"fe80::1%eth0": "[fe80::1%eth0]:8787",
	} {
		c := runCmd{Addr: addr, Port: 8787}
		assert.Equal(t, want, c.address(), addr)
	}
}

func TestBaseURL(t *testing.T) {
	for addr, want := range map[string]string{
		"127.0.0.1:80": "http://127.0.0.1:80",
		"0.0.0.0:8787": "http://localhost:8787",
		"[::]:8787":    "http://localhost:8787",
		"[::1]:8787":   "http://[::1]:8787",
	} {
		tcp, err := net.ResolveTCPAddr("tcp", addr)
		require.NoError(t, err)
		assert.Equal(t, want, baseURL(tcp), addr)
	}
	assert.Equal(t, "http:///run/x.sock", baseURL(&net.UnixAddr{Name: "/run/x.sock", Net: "unix"}))
}
