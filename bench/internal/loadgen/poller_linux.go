package loadgen

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
)

func init() { newPoller = newEpoll }

// maxReady is how many connections are read in one go, with the lock held.
const maxReady = 256

// epoll is a poller of one thread. A read for each wake-up is all that an event costs; with goroutines it would be two
// reads, as Go's netpoller finds out by a second one that there is nothing more, and two switches.
type epoll struct {
	mu     *sync.Mutex
	handle handle
	fd     int
	wake   [2]int // a pipe: closing its writing end ends the loop
	ended  chan struct{}

	subsMu sync.RWMutex
	subs   map[int32]*subscriber
}

func newEpoll(mu *sync.Mutex, h handle) (poller, error) {
	p := &epoll{mu: mu, handle: h, ended: make(chan struct{}), subs: make(map[int32]*subscriber)}
	var err error
	if p.fd, err = syscall.EpollCreate1(syscall.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("loadgen: epoll: %w", err)
	}
	if err = syscall.Pipe2(p.wake[:], syscall.O_CLOEXEC); err != nil {
		return nil, errors.Join(fmt.Errorf("loadgen: pipe: %w", err), syscall.Close(p.fd))
	}
	if err = p.watch(p.wake[0]); err != nil {
		return nil, errors.Join(err, syscall.Close(p.fd), syscall.Close(p.wake[0]), syscall.Close(p.wake[1]))
	}
	go p.loop()
	return p, nil
}

func (p *epoll) watch(fd int) error {
	event := syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP, Fd: int32(fd)}
	if err := syscall.EpollCtl(p.fd, syscall.EPOLL_CTL_ADD, fd, &event); err != nil {
		return fmt.Errorf("loadgen: epoll: %w", err)
	}
	return nil
}

func (p *epoll) add(conn net.Conn, s *subscriber) error {
	fd, err := detach(conn)
	if err != nil {
		return err
	}
	p.subsMu.Lock()
	p.subs[int32(fd)] = s
	p.subsMu.Unlock()
	return p.watch(fd)
}

// detach takes a connection away from Go's netpoller, which would otherwise wake up for it too.
func detach(conn net.Conn) (fd int, err error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return 0, fmt.Errorf("loadgen: a %T is not a socket", conn)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, fmt.Errorf("loadgen: %w", err)
	}
	var dupErr error
	err = raw.Control(func(old uintptr) {
		syscall.ForkLock.RLock()
		defer syscall.ForkLock.RUnlock()
		if fd, dupErr = syscall.Dup(int(old)); dupErr == nil {
			syscall.CloseOnExec(fd) // it stays non-blocking, which belongs to the socket
		}
	})
	if err = errors.Join(err, dupErr, conn.Close()); err != nil {
		return 0, fmt.Errorf("loadgen: %w", err)
	}
	return fd, nil
}

func (p *epoll) loop() {
	defer close(p.ended)
	events := make([]syscall.EpollEvent, maxReady)
	subs := make([]*subscriber, maxReady)
	buf := make([]byte, 64<<10)
	for {
		n, err := syscall.EpollWait(p.fd, events, -1)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err != nil {
			panic(fmt.Sprintf("loadgen: epoll: %v", err)) // only a wrong argument can be the reason
		}
		p.subsMu.RLock()
		for i := range n {
			subs[i] = p.subs[events[i].Fd]
		}
		p.subsMu.RUnlock()
		p.mu.Lock()
		closing := false
		for i := range n {
			if int(events[i].Fd) == p.wake[0] {
				closing = true
			} else if subs[i] != nil {
				p.read(int(events[i].Fd), subs[i], buf)
			}
		}
		p.mu.Unlock()
		if closing {
			return
		}
	}
}

func (p *epoll) read(fd int, s *subscriber, buf []byte) {
	n, err := syscall.Read(fd, buf)
	switch {
	case n > 0:
		p.handle(s, buf[:n], nil)
		return
	case errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR):
		return
	case err == nil:
		err = io.EOF
	}
	p.handle(s, nil, fmt.Errorf("loadgen: %w", err))
	p.subsMu.Lock()
	delete(p.subs, int32(fd))
	p.subsMu.Unlock()
	_ = syscall.Close(fd) // a socket that has ended: nothing is lost
}

func (p *epoll) close() error {
	err := syscall.Close(p.wake[1])
	<-p.ended
	for fd := range p.subs {
		err = errors.Join(err, syscall.Close(int(fd)))
	}
	return errors.Join(err, syscall.Close(p.wake[0]), syscall.Close(p.fd))
}
