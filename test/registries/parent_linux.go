package registries

import "syscall"

// dieWithParent keeps servers from outliving a killed test.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
