package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user that owns nothing.
const nobody = 65534

// TestUnreadableFile: a file and a folder that the user may not read get one
// message each, and the rest is checked. Root may read all, so that the check
// runs as nobody then.
func TestUnreadableFile(t *testing.T) {
	dir, err := os.MkdirTemp("", "lameduck-unreadable-") // t.TempDir is its user's alone
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	for name, file := range map[string]struct {
		text string
		mode os.FileMode
	}{"lameduck": {string(program), 0o755}, "bad.yaml": {flawed, 0o644}, "secret.yaml": {flawed, 0o000}} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(file.text), file.mode); err != nil {
			t.Fatal(err)
		}
	}
	closed := filepath.Join(dir, "closed")
	if err := os.Mkdir(closed, 0o000); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(dir, "lameduck"), "check", ".")
	cmd.Dir = dir
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	code, out := outcome(t, cmd)
	if code != exitUnreadable {
		t.Errorf("exit code %d, want %d\n%s", code, exitUnreadable, out)
	}
	for _, want := range []string{"closed: cannot read: not readable by this user\n", "secret.yaml: cannot read: not readable by this user\n", "bad.yaml:15:26: error:"} {
		if strings.Count(out, want) != 1 {
			t.Errorf("want %q once in\n%s", want, out)
		}
	}
}
