package command

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadmeShowsTheExample: what the README shows of check is what check says of the example beside it.
func TestReadmeShowsTheExample(t *testing.T) {
	root := filepath.Join("..", "..", "..")
	cmd := exec.Command(programIn(t, t.TempDir()), "check", "examples/")
	cmd.Dir = root
	code, out := outcome(t, cmd)
	if code != exitFound {
		t.Fatalf("exit code %d\n%s", code, out)
	}
	const place = "examples/orders.yaml:38:"
	_, rest, found := strings.Cut(out, place)
	if !found {
		t.Fatalf("no finding at %s\n%s", place, out)
	}
	finding, _, _ := strings.Cut(rest, "\n\n")
	finding = place + finding
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		text, err := os.ReadFile(filepath.Join(root, page))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), finding) {
			t.Errorf("%s does not show:\n%s", page, finding)
		}
	}
}
