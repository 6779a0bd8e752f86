package localrunner

import (
	"bufio"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A peer that vanishes without a word, as a laptop that is shut, is found within two heartbeats. One that is there, and
// has nothing to say, stays.
func TestVanishedPeer(t *testing.T) {
	t.Parallel()
	const heartbeat = time.Second
	s := serve(t, Options{Vars: map[string]string{"HEARTBEAT": heartbeat.String()}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	server := s.Server()
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	subscribe := func() net.Conn {
		conn, err := net.Dial("tcp", listener.Addr().String())
		require.NoError(t, err)
		t.Cleanup(func() { conn.Close() })
		fmt.Fprint(conn, "GET /hubs/a/events HTTP/1.1\r\nHost: x\r\n\r\n")
		in := bufio.NewReader(conn)
		for line := ""; line != "event: connected\n"; {
			line, err = in.ReadString('\n')
			require.NoError(t, err)
		}
		return conn
	}
	vanishing := subscribe()
	subscribe()
	s.waitSessions("a", 2)
	begin := time.Now()
	vanish(t, vanishing.(*net.TCPConn))
	s.waitSessions("a", 1)
	// The rest is what this test itself takes to look.
	assert.Less(t, time.Since(begin), 2*heartbeat+heartbeat/2)
}

// vanish has the connection's system answer nothing that arrives, not even with an acknowledgement.
func vanish(t *testing.T, conn *net.TCPConn) {
	raw, err := conn.SyscallConn()
	require.NoError(t, err)
	drop := unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: 0}
	var optErr error
	require.NoError(t, raw.Control(func(fd uintptr) {
		optErr = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: 1, Filter: &drop})
	}))
	require.NoError(t, optErr)
}
