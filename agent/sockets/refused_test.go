package sockets

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lameduck-dev/lameduck/agent/sockets/seccomptest"
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
	return seccomptest.Filter(
		seccomptest.Number,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: syscall.SYS_SOCKET, SkipFalse: 3},
		seccomptest.Argument,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: syscall.AF_NETLINK, SkipFalse: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_ERRNO | uint32(syscall.EPERM)},
		seccomptest.Allow,
	)
}
