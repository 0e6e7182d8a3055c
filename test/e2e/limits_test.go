//go:build cluster

package e2e

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent/seal"
)

// cell is a cgroup with limits, as a container has: one directory in version 2, one for each controller
// in version 1.
type cell struct{ dirs []string }

// newCell limits the number of tasks and the memory in bytes. It needs root.
func newCell(t *testing.T, tasks, memory int) cell {
	t.Helper()
	name := fmt.Sprintf("lameduck-limits-%d", os.Getpid())
	roots, two := hierarchies(t)
	limits := map[string]int{"pids.max": tasks, "memory.limit_in_bytes": memory}
	if two {
		limits = map[string]int{"pids.max": tasks, "memory.max": memory}
	}
	var c cell
	for _, root := range roots {
		dir := filepath.Join(root, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatalf("making a cgroup: %v: this test needs root, and cgroups that can be written", err)
		}
		c.dirs = append(c.dirs, dir)
	}
	t.Cleanup(func() { c.remove(t) })
	for file, limit := range limits {
		set := 0
		for _, dir := range c.dirs {
			path := filepath.Join(dir, file)
			if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err := os.WriteFile(path, []byte(strconv.Itoa(limit)), 0o644); err != nil {
				t.Fatal(err)
			}
			set++
		}
		if set != 1 {
			t.Fatalf("%s was set %d times: the controllers pids and memory must be on at %s", file, set, roots)
		}
	}
	return c
}

// hierarchies are where cgroups with limits of tasks and memory can be made: the one of version 2, or
// two of version 1 where the controllers are there.
func hierarchies(t *testing.T) (roots []string, two bool) {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		switch options := strings.Split(fields[3], ","); fields[2] {
		case "cgroup2":
			has, err := os.ReadFile(filepath.Join(fields[1], "cgroup.controllers"))
			if controllers := strings.Fields(string(has)); err != nil || !slices.Contains(controllers, "pids") || !slices.Contains(controllers, "memory") {
				continue
			}
			if err := os.WriteFile(filepath.Join(fields[1], "cgroup.subtree_control"), []byte("+pids +memory"), 0o644); err != nil {
				t.Fatalf("%v: this test needs root, and cgroups that can be written", err)
			}
			return []string{fields[1]}, true
		case "cgroup":
			if slices.Contains(options, "pids") || slices.Contains(options, "memory") {
				roots = append(roots, fields[1])
			}
		}
	}
	return roots, false
}

// command runs in the cell from its first instruction on.
func (c cell) command(args ...string) *exec.Cmd {
	var enter strings.Builder
	for _, dir := range c.dirs {
		fmt.Fprintf(&enter, "echo $$ > %s/cgroup.procs; ", dir)
	}
	return exec.Command("/bin/sh", append([]string{"-ec", enter.String() + `exec "$@"`, "sh"}, args...)...)
}

// remove ends what is left in the cell, and the cell.
func (c cell) remove(t *testing.T) {
	for _, dir := range c.dirs {
		var err error
		for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
			left, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
			for _, field := range strings.Fields(string(left)) {
				if pid, err := strconv.Atoi(field); err == nil {
					_ = syscall.Kill(pid, syscall.SIGKILL)
				}
			}
			if err = os.Remove(dir); err == nil {
				break
			}
		}
		if err != nil {
			t.Errorf("removing a cgroup: %v", err)
		}
	}
}

// TestLimits has the agent, lameduck-registry and an application share limits of tasks and memory that
// are hardly enough, and such that are not. docs/agent.md gives the figures.
func TestLimits(t *testing.T) {
	bin := t.TempDir()
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, "./cmd/lameduck-agent", "./cmd/lameduck-registry")
	build.Dir, build.Env = "../..", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v", out, err)
	}
	hub, err := net.Listen("tcp", "127.0.0.1:0") // never answers: a call in progress takes a thread
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	_, key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(bin, "token")
	if err := os.WriteFile(token, []byte("token"), 0o600); err != nil {
		t.Fatal(err)
	}
	eureka := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, longList(8_000))
	}))
	defer eureka.Close()

	const fallback = 3 * time.Second
	alone := []string{filepath.Join(bin, "lameduck-agent"), "prestop", "--port=1", "--grace=9s", "--fallback-wait=" + fallback.String(), "--peer-ceiling=" + fallback.String(),
		"--hub=" + hub.Addr().String(), "--hub-key=" + key, "--token-file=" + token}
	registry := append(slices.Clone(alone), "--registry=eureka service=orders server="+strings.TrimPrefix(eureka.URL, "http://"))
	own := append(slices.Clone(registry), "--then-exec", "--", "/bin/sh", "-c", "sleep 0.1; true")
	const mib = 1 << 20
	for _, tt := range []struct {
		name   string
		args   []string
		tasks  int // besides the application's one
		memory int // with the application's, which is next to nothing
		fails  bool
		says   string
	}{
		{"the agent", alone, 8, 8 * mib, false, "total"},
		{"with lameduck-registry", registry, 16, 28 * mib, false, "eureka orders had no instance of the pod"},
		{"with lameduck-registry and a hook of two tasks", own, 18, 28 * mib, false, "own hook ended"},
		{"too few tasks for the agent", alone, 4, 8 * mib, true, "newosproc"},
		{"too little memory for lameduck-registry", registry, 16, 8 * mib, false, "NOT LEFT"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCell(t, tt.tasks+1, tt.memory)
			application := c.command("sleep", "600")
			if err := application.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- application.Wait() }()
			start := time.Now()
			agent := c.command(tt.args...)
			said, err := agent.CombinedOutput()
			took := time.Since(start)
			t.Logf("%v after %v", err, took.Round(time.Millisecond))
			if tt.fails != (err != nil) || tt.fails != (took < fallback) {
				t.Errorf("it ended by %v after %v", err, took)
			}
			if !strings.Contains(string(said), tt.says) {
				t.Errorf("%s\ndoes not say %q", said, tt.says)
			}
			select {
			case err := <-ended:
				t.Errorf("the application ended: %v", err)
			default:
			}
		})
	}
}

// longList is what Eureka answers for an application of so many instances.
func longList(instances int) string {
	var list strings.Builder
	list.WriteString(`{"application":{"name":"ORDERS","instance":[`)
	for i := range instances {
		if i > 0 {
			list.WriteString(",")
		}
		fmt.Fprintf(&list, `{"instanceId":"host-%d:orders:8080","hostName":"h%d","app":"ORDERS","ipAddr":"10.%d.%d.%d","status":"UP","port":{"$":8080,"@enabled":"true"},"securePort":{"$":443,"@enabled":"false"},"metadata":{"management.port":"8080","zone":"a-zone-of-some-cloud"}}`, i, i, i>>16, i>>8&255, i&255)
	}
	list.WriteString(`]}}`)
	return list.String()
}
