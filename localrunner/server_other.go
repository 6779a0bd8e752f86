//go:build !linux

package localrunner

import (
	"net"
	"time"
)

// limitUnacknowledged does nothing where the system cannot be told.
func limitUnacknowledged(*net.TCPConn, time.Duration) error { return nil }
