//go:build unix

package command

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// TestReplaceKeeps: a file that is written keeps its owner, its mode, and its other names.
func TestReplaceKeeps(t *testing.T) {
	dir := t.TempDir()
	for _, names := range [][]string{{"a"}, {"b", "c"}} {
		first := filepath.Join(dir, names[0])
		if err := os.WriteFile(first, []byte("a text that is longer than the new one"), 0o640); err != nil {
			t.Fatal(err)
		}
		for _, name := range names[1:] {
			if err := os.Link(first, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
		owner := os.Getuid()
		if owner == 0 {
			owner = 12345
			if err := os.Chown(first, owner, owner); err != nil {
				t.Fatal(err)
			}
		}
		if err := replaceFile(first, "new"); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			info, err := os.Stat(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(filepath.Join(dir, name))
			if stat := info.Sys().(*syscall.Stat_t); err != nil || string(text) != "new" || int(stat.Uid) != owner || info.Mode().Perm() != 0o640 || int(stat.Nlink) != len(names) {
				t.Errorf("%s: %q, %v, owner %d, %v, %d names", name, text, err, stat.Uid, info.Mode(), stat.Nlink)
			}
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != 3 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
