package sockets

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"
)

const refusedEnv = "LAMEDUCK_TEST_REFUSED"

// TestNetlinkRefused runs in a process to which the kernel refuses netlink, as stricter seccomp
// profiles than the runtime's default have it, and looks at real connections.
func TestNetlinkRefused(t *testing.T) {
	if os.Getenv(refusedEnv) == "" {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNetlinkRefused$", "-test.v")
		cmd.Env = append(os.Environ(), refusedEnv+"=1")
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.Contains(string(out), "--- PASS: TestNetlinkRefused") {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	if err := refuseNetlink(); err != nil {
		t.Fatal(err)
	}
	r := Open()
	defer r.Close()
	if err := r.Refused(); !errors.Is(err, syscall.EPERM) {
		t.Fatalf("refused by %v, want EPERM", err)
	}
	l := listenOn(t, "127.0.0.1:0")
	p := connect(t, l, "127.0.0.1")
	got := look(t, r)
	if conns := on(got.Conns, p.port); len(conns) != 1 || got.Exact || got.Opens == 0 {
		t.Errorf("%+v, exact %t, %d opens", conns, got.Exact, got.Opens)
	}
}

// refuseNetlink has the kernel answer EPERM to socket(AF_NETLINK), in all threads, for good.
func refuseNetlink() error {
	type instruction struct {
		code   uint16
		jt, jf uint8
		k      uint32
	}
	type program struct {
		length uint16
		first  *instruction
	}
	const (
		load, equal, give   = 0x20, 0x15, 0x06 // BPF_LD|BPF_W|BPF_ABS, BPF_JMP|BPF_JEQ|BPF_K, BPF_RET|BPF_K
		number, argument    = 0, 16            // offsets in struct seccomp_data
		allow, refuse       = 0x7fff0000, 0x00050000 | uint32(syscall.EPERM)
		prSetNoNewPrivs     = 38
		setModeFilter, sync = 1, 1
	)
	seccomp, known := map[string]uintptr{"amd64": 317, "arm64": 277}[runtime.GOARCH]
	if !known {
		return fmt.Errorf("the number of seccomp(2) on %s is not known here", runtime.GOARCH)
	}
	instructions := []instruction{
		{load, 0, 0, number},
		{equal, 0, 3, uint32(syscall.SYS_SOCKET)},
		{load, 0, 0, argument},
		{equal, 0, 1, syscall.AF_NETLINK},
		{give, 0, 0, refuse},
		{give, 0, 0, allow},
	}
	filter := program{uint16(len(instructions)), &instructions[0]}
	// Both of this thread; the filter then goes to all, and brings the other with it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0); errno != 0 {
		return fmt.Errorf("no new privileges: %w", errno)
	}
	if _, _, errno := syscall.Syscall(seccomp, setModeFilter, sync, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
