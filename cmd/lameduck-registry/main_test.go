package main

import (
	"bufio"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	t.Run("reads lists within bounds", func(t *testing.T) { readsListsInBounds(t, path) })
	t.Run("leaves until its input is closed", func(t *testing.T) { leavesUntilClosed(t, path) })
}

// maxRSS is in KiB, whatever a registry answers: it shares the memory of the application.
const maxRSS = 20 << 10

// readsListsInBounds has a registry answer with the longest list that is read, and with one of 50,000
// instances, which is not.
func readsListsInBounds(t *testing.T, path string) {
	for _, instances := range []int{8_000, 50_000} {
		var list strings.Builder
		list.WriteString(`{"application":{"name":"ORDERS","instance":[`)
		for i := range instances {
			if i > 0 {
				list.WriteString(",")
			}
			fmt.Fprintf(&list, `{"instanceId":"host-%d:orders:8080","hostName":"h%d","app":"ORDERS","ipAddr":"10.%d.%d.%d","status":"UP","port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"},"metadata":{"management.port":"8080","zone":"a-zone-of-some-cloud"}}`, i, i, i>>16, i>>8&255, i&255)
		}
		list.WriteString(`]}}`)
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, list.String()) // without its length
		}))
		// The kernel's own high-water mark, while it runs: what wait gives counts this test, too.
		cmd := exec.Command(path, "leave", "--ip=10.0.0.7", "--budget=200ms", "--registry=eureka service=orders server="+strings.TrimPrefix(server.URL, "http://"))
		stdin, stdinErr := cmd.StdinPipe()
		stdout, stdoutErr := cmd.StdoutPipe()
		if err := errors.Join(stdinErr, stdoutErr, cmd.Start()); err != nil {
			t.Fatal(err)
		}
		failed := false // that is when it has read the list: the server gives it for a single instance, too
		for events := bufio.NewScanner(stdout); !failed && events.Scan(); {
			failed = strings.Contains(events.Text(), string(wire.Failed))
		}
		if !failed {
			t.Error("it does not say what it thinks of the list")
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		stdin.Close()
		_ = cmd.Wait()
		server.Close()
		most := 0
		for line := range strings.Lines(string(status)) {
			if value, found := strings.CutPrefix(line, "VmHWM:"); found {
				_, _ = fmt.Sscan(value, &most)
			}
		}
		t.Logf("%d instances, %d KiB: %d KiB resident", instances, list.Len()>>10, most)
		if most == 0 || most > maxRSS {
			t.Errorf("%d instances: %d KiB resident, must be at most %d", instances, most, maxRSS)
		}
	}
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
