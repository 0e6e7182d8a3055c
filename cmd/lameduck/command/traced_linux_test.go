package command

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/lameduck-dev/lameduck/agent/sockets/seccomptest"
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

// TestCheckReachesOutNowhere: check, and fix as far as it looks, read folders that name servers, programs
// and the secrets around them by every field that takes them, in a process that the kernel would kill
// for the former.
func TestCheckReachesOutNowhere(t *testing.T) {
	work, outside := t.TempDir(), t.TempDir()
	run := func(how string, args ...string) (out string, status syscall.WaitStatus) {
		cmd := exec.Command(os.Args[0], args...)
		cmd.Dir = work
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

	rendertest.PutSecret(t, filepath.Join(outside, "secret.yaml"))
	rendertest.PutSecrets(t, work)
	folders := rendertest.Hostile("127.0.0.1:1", outside)
	var dirs []string
	for name, folder := range folders {
		dir := strings.NewReplacer(" ", "-", "/", "-").Replace(name)
		folder.Put(t, name, filepath.Join(work, dir), outside)
		dirs = append(dirs, dir)
	}
	write(t, filepath.Join(work, "web/Chart.yaml"), "apiVersion: v2\nname: web\nversion: 0.1.0\n")
	write(t, filepath.Join(work, "web/templates/a.yaml"), "{{ fail (toJson .Values) }}\n")
	named := []string{"up", "out", "out.yaml", "git.yaml"}
	for i, to := range []string{"..", outside, filepath.Join(outside, "secret.yaml"), ".git/secret.yaml"} {
		if err := os.Symlink(to, filepath.Join(work, named[i])); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{{"check"}, {"check", "--output", "json"}, {"fix"}, {"timeline"}, {"inject", "--all"}} {
		for _, links := range [][]string{named, {"--values", "out.yaml", "web"}, {"--values", "git.yaml", "web"}} {
			if out, _ := run("yes", append(args, links...)...); strings.Contains(out, rendertest.Leak) {
				t.Errorf("%s %s shows what a link leads to:\n%.2000s", args[0], links, out)
			}
		}
		out, status := run("yes", append(args, dirs...)...)
		if status.Signaled() || status.ExitStatus() == 99 {
			t.Errorf("%s: %v, killed by %v\n%.2000s", args[0], status.ExitStatus(), status.Signal(), out)
		}
		if strings.Contains(out, rendertest.Leak) {
			t.Errorf("%s shows what is outside:\n%.2000s", args[0], out)
		}
		if args[0] == "check" && len(args) == 1 && strings.Count(out, "kustomization.yaml")+strings.Count(out, "Chart.yaml") < len(folders) {
			t.Errorf("%d folders, and not each is named:\n%.4000s", len(folders), out)
		}
	}
}

// confine is for good, and for all threads.
func confine() error {
	return seccomptest.Filter(
		seccomptest.Number,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_CONNECT, SkipTrue: 6},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_EXECVE, SkipTrue: 5},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_EXECVEAT, SkipTrue: 4},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.SYS_SOCKET, SkipFalse: 4},
		seccomptest.Argument,
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET, SkipTrue: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.AF_INET6, SkipFalse: 1},
		bpf.RetConstant{Val: unix.SECCOMP_RET_KILL_PROCESS},
		seccomptest.Allow,
	)
}
