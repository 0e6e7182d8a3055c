package inject

import (
	"archive/tar"
	"bytes"
	"errors"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// previous is the commit of the agent of the minor version before. It is renewed with each minor version,
// and then `make generate` asks that agent for testdata/before anew.
const previous = "6e8aa8a28ba0148bfefd723300bf83b043e247d7"

var update = flag.Bool("update", false, "write the golden files")

// oldAgent builds the agent of the version before. A checkout without history has no such commit, and
// what that agent was asked before, testdata/before, has to do there: the path is empty.
func oldAgent(t *testing.T) string {
	t.Helper()
	if err := exec.Command("git", "cat-file", "-e", previous+"^{commit}").Run(); err != nil {
		t.Logf("git has no %s (%v): held to testdata/before alone", previous, err)
		return ""
	}
	archive := exec.Command("git", "archive", "--format=tar", previous)
	archive.Dir = "../" // the whole tree
	tree, err := archive.Output()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	extract(t, tree, dir)
	path := filepath.Join(dir, "lameduck-agent")
	build := exec.Command("go", "build", "-o", path, "./cmd/lameduck-agent")
	build.Dir = dir
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=-buildvcs=false")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the agent of %s: %v\n%s", previous, err, out)
	}
	// It only copies the program that lies beside it.
	if err := os.Link(path, filepath.Join(dir, "lameduck-registry")); err != nil {
		t.Fatal(err)
	}
	return path
}

func extract(t *testing.T, archive []byte, dir string) {
	t.Helper()
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	for from := tar.NewReader(bytes.NewReader(archive)); ; {
		entry, err := from.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		switch entry.Typeflag {
		case tar.TypeDir:
			err = root.MkdirAll(filepath.Clean(entry.Name), 0o755)
		case tar.TypeReg:
			var content []byte
			if content, err = io.ReadAll(from); err == nil {
				err = root.WriteFile(entry.Name, content, 0o644)
			}
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
