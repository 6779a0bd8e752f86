package peers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// startTimeout bounds how long a server may take until it accepts connections.
const startTimeout = 2 * time.Minute

// dieWithParent makes a process end with this one, where the system can do that.
var dieWithParent = func(*syscall.SysProcAttr) {}

// Process is a running command, in a process group of its own.
type Process struct {
	cmd    *exec.Cmd
	output lockedBuffer
	ended  chan struct{}
}

// Launch starts the command. Its output is kept for errors.
func Launch(cmd *exec.Cmd) (*Process, error) {
	p := &Process{cmd: cmd, ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = &p.output, &p.output
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	dieWithParent(cmd.SysProcAttr)
	// Output of a grandchild that outlives the command must not keep Wait waiting.
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		// Linux sends a parent-death signal when the thread that started the process ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in ProcessState; most often it was killed
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("peers: %w", err)
	}
	return p, nil
}

// PID is the id of the process, and of its group.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Kill ends the group: at first as a terminal does, to which a server may answer, then at once.
func (p *Process) Kill() error {
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := syscall.Kill(-p.PID(), signal); errors.Is(err, syscall.ESRCH) {
			break // nobody is left
		}
		select {
		case <-p.ended:
		case <-time.After(500 * time.Millisecond):
		}
	}
	<-p.ended
	return nil
}

// WaitFor waits until ready succeeds. It fails when the process ends before.
func (p *Process) WaitFor(ctx context.Context, ready func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ready()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
			continue
		case <-p.ended:
			err = fmt.Errorf("it has ended: %v", p.cmd.ProcessState)
		case <-ctx.Done():
		}
		return fmt.Errorf("peers: %s: %w\n%s", filepath.Base(p.cmd.Path), err, p.output.String())
	}
}

// Accepts is a condition for [Process.WaitFor]: somebody listens at addr.
func Accepts(addr string) func() error {
	return func() error {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

// FreeAddr is an address of this machine that nobody listens at now.
func FreeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("peers: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// serve starts a command that listens at addr.
func serve(ctx context.Context, addr, name string, args ...string) (*Server, error) {
	var p *Process
	kill := func() error { return p.Kill() }
	s := &Server{Addr: addr, kill: kill, stop: kill, start: func(ctx context.Context) (int, error) {
		var err error
		if p, err = Launch(exec.Command(name, args...)); err != nil {
			return 0, err
		}
		if err := p.WaitFor(ctx, Accepts(addr)); err != nil {
			return 0, errors.Join(err, p.Kill())
		}
		return p.PID(), nil
	}}
	if err := s.Start(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// Tool runs a command at the checkout's root with env added to the environment, and returns what it prints.
func (e *Env) Tool(ctx context.Context, env []string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = e.Root
	cmd.Env = append(os.Environ(), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("peers: %s %s: %w\n%s", name, strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// glob is the one file that matches.
func glob(root, pattern string) (string, error) {
	matches, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
	if err != nil {
		return "", fmt.Errorf("peers: %w", err)
	}
	if len(matches) != 1 {
		return "", fmt.Errorf("peers: %d files are %s, want one; `npm ci` installs workerd", len(matches), pattern)
	}
	return matches[0], nil
}

// lockedBuffer keeps what a process writes, as much as an error should show.
type lockedBuffer struct {
	mu  sync.Mutex
	buf []byte
}

const maxOutput = 16 << 10

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf = append(b.buf, p...)
	if over := len(b.buf) - maxOutput; over > 0 {
		b.buf = append(b.buf[:0], b.buf[over:]...)
	}
	return len(p), nil
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return string(b.buf)
}
