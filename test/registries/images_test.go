//go:build registries

package registries

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The image of a Java program has everything that the program needs: it starts where there is nothing else.
func TestImageStartsByItself(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test uses chroot: run it as root")
	}
	dir := t.TempDir()
	layer, err := runtimeFiles(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	for target, source := range layer {
		content, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, target)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, target), content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	java := exec.Command("chroot", dir, javaBinary, "-version")
	java.Env = []string{"LD_LIBRARY_PATH=/jre/lib"} // there is no /proc, by which the loader finds java
	out, err := java.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "OpenJDK") {
		t.Fatalf("%s, %v", out, err)
	}
}
