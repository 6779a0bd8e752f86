//go:build !linux

package localrunner

import (
	"net"
	"time"
)

// vanished knows of nobody where the system does not tell: its own timeouts find them.
func vanished(*net.TCPConn, time.Duration) bool { return false }
