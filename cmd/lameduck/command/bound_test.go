package command

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRenderIsBounded: a template that takes more memory than it may ends in one clear error.
func TestRenderIsBounded(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "c", "Chart.yaml"), "apiVersion: v2\nname: large\nversion: 0.1.0\n")
	write(t, filepath.Join(dir, "c", "templates", "a.yaml"), "a: {{ repeat 2000000000 \"x\" }}\n")
	code, out := outcome(t, exec.Command(programIn(t, dir), "check", filepath.Join(dir, "c")))
	if code != exitUnreadable || !strings.Contains(out, "takes more than 1024 MB to render") {
		t.Errorf("exit code %d\n%.2000s", code, out)
	}
}
