package testhost

import (
	"os/exec"
	"syscall"
)

func init() {
	// A test process that is killed runs no cleanup, and a host would stay behind.
	dieWithParent = func(cmd *exec.Cmd) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
}
