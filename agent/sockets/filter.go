package sockets

import "encoding/binary"

// Operations of the kernel's socket filter (linux/inet_diag.h).
const (
	opJump      = 1
	opLocalPort = 11 // INET_DIAG_BC_S_EQ, since Linux 4.16
	opSize      = 4
	testSize    = 2 * opSize // a port test is followed by its operand

	// maxFiltered keeps the program's jumps far below their 16 bits; with more ports the
	// kernel hands all sockets over, and they are sorted out here.
	maxFiltered = 64
)

// portFilter is a program that lets pass the sockets with one of the local ports; nil (all
// pass) when there are too many. Each port but the last is
//
//	test port: next, or over the jump
//	jump to the end: passed
//
// A program passes a socket when it ends exactly at its end, and rejects it beyond.
func portFilter(ports []uint16) []byte {
	if len(ports) == 0 || len(ports) > maxFiltered {
		return nil
	}
	const step = testSize + opSize
	program := make([]byte, 0, len(ports)*step)
	total := len(ports)*step - opSize
	for i, port := range ports {
		no := step
		last := i == len(ports)-1
		if last {
			no = testSize + opSize // one operation beyond the end
		}
		program = appendOp(program, opLocalPort, testSize, no)
		program = appendOp(program, 0, 0, int(port))
		if !last {
			program = appendOp(program, opJump, opSize, total-len(program))
		}
	}
	return program
}

func appendOp(program []byte, code, yes uint8, no int) []byte {
	program = append(program, code, yes)
	return binary.NativeEndian.AppendUint16(program, uint16(no))
}
