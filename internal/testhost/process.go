package testhost

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

// startTimeout bounds how long a host may take until it listens: with a cold
// compilation cache, on a busy machine.
const startTimeout = 90 * time.Second

// dieWithParent makes a process end with this one, where the system can do that.
var dieWithParent = func(*exec.Cmd) {}

// process is a running command.
type process struct {
	cmd    *exec.Cmd
	output *tail
	done   chan struct{}
}

// launch starts the command and waits until it has announced its address. It returns
// the process also when it did not, so that its output can be shown.
func launch(c command, addr string) (*process, string, error) {
	p := &process{cmd: exec.Command(c.name, c.args(addr)...), output: &tail{}, done: make(chan struct{})}
	p.cmd.Dir = c.dir
	p.cmd.Stderr = p.output
	announcements, theirs, err := os.Pipe()
	if err != nil {
		return nil, "", err
	}
	defer theirs.Close()
	if c.controlFD {
		p.cmd.Stdout = p.output
		p.cmd.ExtraFiles = []*os.File{theirs}
	} else {
		p.cmd.Stdout = theirs
	}
	dieWithParent(p.cmd)
	started := make(chan error)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, "", errors.Join(err, announcements.Close())
	}
	found := make(chan string, 1)
	go p.listen(announcements, c, found)
	select {
	case addr := <-found:
		return p, addr, nil
	case <-p.done:
		return p, "", fmt.Errorf("%s ended before it listened: %v", filepath.Base(c.name), p.cmd.ProcessState)
	case <-time.After(startTimeout):
		return p, "", fmt.Errorf("%s does not listen after %v", filepath.Base(c.name), startTimeout)
	}
}

// run starts the command and waits for its end, all on one thread: Linux sends a
// parent-death signal when the thread that started the process ends.
func (p *process) run(started chan<- error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := p.cmd.Start()
	started <- err
	if err == nil {
		_ = p.cmd.Wait() // How it ended is in ProcessState; most often we killed it.
		close(p.done)
	}
}

// listen reads announcements to their end, for a full pipe would stall the host.
func (p *process) listen(r io.ReadCloser, c command, found chan<- string) {
	defer r.Close()
	for lines := bufio.NewScanner(r); lines.Scan(); {
		if !c.controlFD {
			fmt.Fprintln(p.output, lines.Text())
		}
		if addr, ok := c.listening(lines.Text()); ok {
			select {
			case found <- addr:
			default: // Told already.
			}
		}
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // Fails only for a process that has ended.
	<-p.done
}

// rss asks Linux's proc file system, and ps elsewhere.
func (p *process) rss() (int64, error) {
	pid := strconv.Itoa(p.cmd.Process.Pid)
	status, err := os.ReadFile(filepath.Join("/proc", pid, "status"))
	if err != nil {
		status, err = exec.Command("ps", "-o", "rss=", "-p", pid).Output()
		status = append([]byte("VmRSS:"), status...)
	}
	if err != nil {
		return 0, fmt.Errorf("testhost: memory of process %s: %w", pid, err)
	}
	_, rest, ok := bytes.Cut(status, []byte("VmRSS:"))
	fields := strings.Fields(string(rest))
	if !ok || len(fields) == 0 {
		return 0, fmt.Errorf("testhost: the memory of process %s is not known; has it ended?", pid)
	}
	kib, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("testhost: memory of process %s: %w", pid, err)
	}
	return kib << 10, nil
}

// tail is a writer that keeps at least the last maxTail bytes, and less than twice that.
type tail struct {
	mu   sync.Mutex
	buf  []byte
	lost int
}

const maxTail = 64 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.buf = append(t.buf, b...)
	if over := len(t.buf) - maxTail; over >= maxTail {
		t.lost += over
		t.buf = append(t.buf[:0], t.buf[over:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost > 0 {
		return fmt.Sprintf("[%d bytes before]\n%s", t.lost, t.buf)
	}
	return string(t.buf)
}
