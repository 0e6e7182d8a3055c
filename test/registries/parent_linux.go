package registries

import "syscall"

// dieWithParent keeps servers from outliving a test that was killed.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
