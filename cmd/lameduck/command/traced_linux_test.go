package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"github.com/lameduck-dev/lameduck/check/render/rendertest"
)

// confined, beside asProgram, has the kernel kill the program when it opens a socket of the network,
// connects any, or starts another program. Its value says what the program does then: "dial" and
// "exec" are the controls.
const confined = "LAMEDUCK_TEST_CONFINED"

func init() {
	what := os.Getenv(confined)
	if what == "" {
		return
	}
	if err := confine(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(99)
	}
	switch what {
	case "dial":
		_, _ = net.Dial("tcp", "127.0.0.1:1")
		os.Exit(0)
	case "exec":
		_ = syscall.Exec("/bin/true", []string{"true"}, nil)
		os.Exit(0)
	}
}

// TestCheckReachesOutNowhere: check, and fix as far as it looks, read folders that name servers and
// programs by every field that takes them, in a process that the kernel would kill for it.
func TestCheckReachesOutNowhere(t *testing.T) {
	run := func(how string, args ...string) (out string, status syscall.WaitStatus) {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Env = append(os.Environ(), asProgram+"=1", confined+"="+how)
		text, err := cmd.CombinedOutput()
		if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(text), cmd.ProcessState.Sys().(syscall.WaitStatus)
	}
	for _, control := range []string{"dial", "exec"} {
		if out, status := run(control); !status.Signaled() || status.Signal() != syscall.SIGSYS {
			t.Fatalf("the control %s was not killed: %v\n%s", control, status, out)
		}
	}

	dir, outside := t.TempDir(), t.TempDir()
	rendertest.PutSecret(t, outside)
	folders := rendertest.Hostile("127.0.0.1:1", outside)
	for name, folder := range folders {
		folder.Put(t, name, filepath.Join(dir, strings.ReplaceAll(name, " ", "-")), outside)
	}
	for _, args := range [][]string{{"check", dir}, {"check", "--format", "json", dir}, {"fix", dir}, {"timeline", dir}, {"inject", "--all", "-f", dir}} {
		out, status := run("yes", args...)
		if status.Signaled() || status.ExitStatus() == 99 {
			t.Errorf("%s: %v, killed by %v\n%.2000s", args[0], status.ExitStatus(), status.Signal(), out)
		}
		if strings.Contains(out, rendertest.Leak) {
			t.Errorf("%s shows what is outside:\n%.2000s", args[0], out)
		}
		if args[0] == "check" && len(args) == 2 && strings.Count(out, "kustomization.yaml")+strings.Count(out, "Chart.yaml") < len(folders) {
			t.Errorf("%d folders, and not each is named:\n%.4000s", len(folders), out)
		}
	}
}

// confine is for good, and for all threads.
func confine() error {
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
		allow, kill         = 0x7fff0000, 0x80000000
		prSetNoNewPrivs     = 38
		setModeFilter, sync = 1, 1
	)
	numbers, known := map[string]struct{ seccomp, execveat uint32 }{"amd64": {317, 322}, "arm64": {277, 281}}[runtime.GOARCH]
	if !known {
		return fmt.Errorf("the number of seccomp(2) on %s is not known here", runtime.GOARCH)
	}
	instructions := []instruction{
		{load, 0, 0, number},
		{equal, 6, 0, syscall.SYS_CONNECT},
		{equal, 5, 0, syscall.SYS_EXECVE},
		{equal, 4, 0, numbers.execveat},
		{equal, 0, 4, syscall.SYS_SOCKET},
		{load, 0, 0, argument},
		{equal, 1, 0, syscall.AF_INET},
		{equal, 0, 1, syscall.AF_INET6},
		{give, 0, 0, kill},
		{give, 0, 0, allow},
	}
	filter := program{uint16(len(instructions)), &instructions[0]}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if _, _, errno := syscall.Syscall(syscall.SYS_PRCTL, prSetNoNewPrivs, 1, 0); errno != 0 {
		return fmt.Errorf("no new privileges: %w", errno)
	}
	if _, _, errno := syscall.Syscall(uintptr(numbers.seccomp), setModeFilter, sync, uintptr(unsafe.Pointer(&filter))); errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	return nil
}
