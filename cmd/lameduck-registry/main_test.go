package main

import (
	"bufio"
	"debug/elf"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry/wire"
)

// maxSize is in bytes, stripped. It is copied only into pods that have registries.
const maxSize = 10_000_000

func build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lameduck-registry")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	return path
}

func TestBinary(t *testing.T) {
	path := build(t)
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() >= maxSize {
		t.Errorf("%d bytes, must be less than %d: look at what is newly linked (go tool nm -size -sort size)", info.Size(), maxSize)
	}
	file, err := elf.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic linker, which images from scratch have not")
		}
	}
	t.Run("leaves until its input is closed", func(t *testing.T) { leavesUntilClosed(t, path) })
}

// leavesUntilClosed runs it as the agent does, with a registry that nobody serves.
func leavesUntilClosed(t *testing.T, path string) {
	cmd := exec.Command(path, "leave", "--ip=10.0.0.3", "--budget=200ms", "--registry=nacos server=127.0.0.1:1 service=orders", "--registry=nacoss service=orders")
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	guard := time.AfterFunc(20*time.Second, func() { cmd.Process.Kill() })
	defer guard.Stop()
	settled, plans := map[string]string{}, 0
	lines := bufio.NewScanner(stdout)
	for len(settled) < 2 && lines.Scan() {
		e, err := wire.Decode(lines.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if e.Event == wire.Plan {
			plans++
		}
		if e.Settled() {
			settled[e.Registry] = e.Detail
		}
	}
	if plans != 2 || !strings.Contains(settled["nacos orders"], "connection refused") || !strings.Contains(settled["nacoss"], "no registry of kind") {
		t.Errorf("%d plans, %q", plans, settled)
	}
	stdin.Close()
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended by %v", err)
	}
}

// TestLinks keeps it independent of a cluster's version.
func TestLinks(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(dep, "k8s.io/") || strings.HasPrefix(dep, "sigs.k8s.io/") {
			t.Errorf("%s is linked", dep)
		}
	}
}
