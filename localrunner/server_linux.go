package localrunner

import (
	"errors"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// limitUnacknowledged has the system end the connection when what was sent has not been acknowledged for d: by itself it
// would try for a quarter of an hour (tcp(7), TCP_USER_TIMEOUT).
func limitUnacknowledged(conn *net.TCPConn, d time.Duration) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		ms := min(d.Milliseconds(), 1<<31-1)
		optErr = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(ms))
	})
	return errors.Join(err, optErr)
}
