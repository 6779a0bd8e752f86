package peers

import "syscall"

func init() {
	// A bench that is killed runs no cleanup, and a server would stay behind.
	dieWithParent = func(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
}
