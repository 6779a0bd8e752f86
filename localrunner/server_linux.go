package localrunner

import (
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// vanished reports whether the peer has not answered for d, although something was sent: by itself, the system would try
// for a quarter of an hour. A peer that is there, and does not read, is not meant: it answers probes of its full window.
// TCP_USER_TIMEOUT would end that one, too (tcp(7)).
func vanished(conn *net.TCPConn, d time.Duration) bool {
	if conn == nil {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	gone := false
	_ = raw.Control(func(fd uintptr) { // it fails when the connection is closed, as its stream notices
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		silent := time.Duration(info.Last_ack_recv) * time.Millisecond
		gone = silent >= d && (info.Unacked > 0 || info.Probes >= 2)
	})
	return gone
}
