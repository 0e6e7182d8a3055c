// Package seccomptest has the kernel refuse system calls to a test's own process.
package seccomptest

import (
	"fmt"
	"runtime"
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Where a filter finds what it looks at, in struct seccomp_data.
var (
	Number   = bpf.LoadAbsolute{Off: 0, Size: 4}  // of the system call
	Argument = bpf.LoadAbsolute{Off: 16, Size: 4} // the first one, its lower half on little-endian machines
)

// Allow lets the system call through.
var Allow = bpf.RetConstant{Val: unix.SECCOMP_RET_ALLOW}

// Filter has the kernel run the filter at each system call of this process, in all threads, for good.
func Filter(filter ...bpf.Instruction) error {
	raw, err := bpf.Assemble(filter)
	if err != nil {
		return fmt.Errorf("seccomp: %w", err)
	}
	// The kernel's struct sock_filter has the layout of a RawInstruction.
	program := unix.SockFprog{Len: uint16(len(raw)), Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0]))}
	// Both of this thread; the filter then goes to all, and brings the other with it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no new privileges: %w", err)
	}
	if _, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
