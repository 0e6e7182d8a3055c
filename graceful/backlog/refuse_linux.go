//go:build !386 && !s390x

package backlog

import (
	"net"
	"syscall"
	"unsafe"
)

// onlyOld is a packet filter for a listening TCP socket: it drops what opens a connection (SYN without
// ACK, in the TCP header's 14th byte), and lets pass what completes one.
var onlyOld = [...]syscall.SockFilter{
	{Code: syscall.BPF_LD | syscall.BPF_B | syscall.BPF_ABS, K: 13},
	{Code: syscall.BPF_ALU | syscall.BPF_AND | syscall.BPF_K, K: syn | ack},
	{Code: syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K, K: syn, Jt: 0, Jf: 1},
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 0},
	{Code: syscall.BPF_RET | syscall.BPF_K, K: 1<<32 - 1},
}

const (
	syn = 0x02
	ack = 0x10
)

// refuseMore makes a listening socket take in no more connections. It needs no privilege.
func refuseMore(l net.Listener) error {
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return syscall.ENOTSUP
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return err
	}
	filter := onlyOld
	program := syscall.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_SETSOCKOPT, fd, syscall.SOL_SOCKET, syscall.SO_ATTACH_FILTER,
			uintptr(unsafe.Pointer(&program)), unsafe.Sizeof(program), 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return err
}
