package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestFoundSettings: the settings of the working folder may come with a pull request. They are read
// from there alone, as a regular file.
func TestFoundSettings(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, "severity: hunter2\n")
	for name, tt := range map[string]struct {
		prepare func(path string) error
		code    int
		says    string
	}{
		"a file":                   {func(path string) error { return os.WriteFile(path, []byte("rules: {}\n"), 0o644) }, 0, ""},
		"none":                     {func(string) error { return nil }, 0, ""},
		"a link in the folder":     {func(path string) error { return os.Symlink("web.yaml", path) }, exitUsage, "unknown field"},
		"a link to a device":       {func(path string) error { return os.Symlink("/dev/zero", path) }, exitUsage, "leads out of the working folder"},
		"a link to another's file": {func(path string) error { return os.Symlink(secret, path) }, exitUsage, "leads out of the working folder"},
		"a FIFO":                   {func(path string) error { return syscall.Mkfifo(path, 0o644) }, exitUsage, "not a regular file"},
		"a link to what is hidden": {func(path string) error {
			write(t, filepath.Join(filepath.Dir(path), ".env"), "severity: hunter2\n")
			return os.Symlink(".env", path)
		}, exitUsage, "leads to what is hidden"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, filepath.Join(dir, "web.yaml"), "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
			if err := tt.prepare(filepath.Join(dir, configFile)); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(programIn(t, t.TempDir()), "check", "web.yaml")
			cmd.Dir = dir
			code, out := outcome(t, cmd)
			if code != tt.code || !strings.Contains(out, tt.says) || strings.Contains(out, "hunter2") {
				t.Errorf("exit code %d\n%.1000s", code, out)
			}
		})
	}
}

// TestNamedSettings: a file that the user names is bounded, wherever it is.
func TestNamedSettings(t *testing.T) {
	for _, args := range [][]string{{"check", "--config=/dev/zero", "."}, {"check", "--baseline=/dev/zero", "."}, {"check", "--image-facts=/dev/zero", "."}} {
		if code, out := outcome(t, exec.Command(programIn(t, t.TempDir()), args...)); code != exitUsage || !strings.Contains(out, "larger than 16 MB") {
			t.Errorf("%s: exit code %d\n%.1000s", args[1], code, out)
		}
	}
}
