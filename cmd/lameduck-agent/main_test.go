package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent/seal"
)

// The agent is copied into every pod and started in each of their ends: its size and its
// cost are part of what it promises.
const (
	maxSize  = 4_000_000 // bytes, stripped
	maxRSS   = 8 << 10   // KiB
	maxTasks = 8         // threads; a container whose pids limit leaves fewer loses the hook
	maxStart = 10 * time.Millisecond
)

// built is the agent as it is released, built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "lameduck-agent-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "lameduck-agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", &exec.Error{Name: string(out), Err: err}
	}
	return path, os.Chmod(dir, 0o755)
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func binary(t testing.TB) string {
	t.Helper()
	path, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestSize(t *testing.T) {
	info, err := os.Stat(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d bytes", info.Size())
	if info.Size() >= maxSize {
		t.Errorf("%d bytes, must be less than %d: look at what is newly linked (go tool nm -size -sort size)", info.Size(), maxSize)
	}
}

func TestStatic(t *testing.T) {
	file, err := elf.Open(binary(t))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, program := range file.Progs {
		if program.Type == elf.PT_INTERP {
			t.Error("it needs a dynamic linker, which images from scratch have not")
		}
	}
}

// TestLinks names packages that would break the size, or tie the agent to a cluster's version.
func TestLinks(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	if len(deps) < 50 {
		t.Fatalf("only %d packages", len(deps))
	}
	for _, dep := range deps {
		first, _, _ := strings.Cut(dep, "/")
		switch {
		case dep == "net/http", dep == "crypto/tls", dep == "crypto/x509", dep == "log/slog", dep == "text/template":
			t.Errorf("%s is linked: it alone takes the agent over its size", dep)
		case strings.Contains(first, ".") && !strings.HasPrefix(dep, "github.com/lameduck-dev/lameduck/"):
			t.Errorf("%s is linked: the agent uses the standard library alone", dep)
		}
	}
}

// nobody makes cmd run as any user would in a restricted pod: without root's powers.
func nobody(cmd *exec.Cmd) *exec.Cmd {
	cmd.Dir = "/"
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	return cmd
}

// run runs the agent and gives its output, exit code, duration and largest resident set in
// KiB. The latter is the kernel's own high-water mark, read while the agent runs: the one that
// wait gives counts this test, too, from which the agent was forked.
func run(t testing.TB, args ...string) (out string, code int, took time.Duration, rss int64) {
	t.Helper()
	cmd := nobody(exec.Command(binary(t), args...))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	start := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	for {
		select {
		case <-ended:
			return output.String(), cmd.ProcessState.ExitCode(), time.Since(start), rss
		case <-time.After(20 * time.Millisecond):
			rss = max(rss, highWater(cmd.Process.Pid))
		}
	}
}

// highWater is the largest resident set that a running program has had, in KiB; zero once it
// has ended.
func highWater(pid int) (kib int64) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, found := strings.CutPrefix(line, "VmHWM:"); found {
			fmt.Sscan(value, &kib)
		}
	}
	return kib
}

func TestPrestopWaitsAndSaysSo(t *testing.T) {
	// A port that nobody connects to: other tests' connections must not count.
	out, code, took, rss := run(t, "prestop", "--port=1", "--fallback-wait=3s", "--quiet-ceiling=3s", "--grace=60s", "--json=false")
	t.Logf("%s (%v, %d KiB)", strings.TrimSpace(out), took, rss)
	if code != 0 || took < 3*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
	if rss == 0 || rss > maxRSS {
		t.Errorf("%d KiB resident, must be at most %d", rss, maxRSS)
	}
}

// TestThreads counts them where a machine has many processors, with a hub that never answers, since
// a call in progress takes a thread.
func TestThreads(t *testing.T) {
	hub, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer hub.Close()
	_, key, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("token"), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary(t), "prestop", "--port=1", "--grace=6s", "--hub="+hub.Addr().String(), "--hub-key="+key, "--token-file="+token)
	cmd.Env = append(os.Environ(), "GOMAXPROCS=64")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); cmd.Wait() }()
	most := 0
	for running := true; running; {
		select {
		case <-ended:
			running = false
		case <-time.After(5 * time.Millisecond):
			tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", cmd.Process.Pid))
			most = max(most, len(tasks))
		}
	}
	t.Logf("%d threads", most)
	if code := cmd.ProcessState.ExitCode(); code != 0 || most == 0 || most > maxTasks {
		t.Errorf("%d threads, must be at most %d (exit code %d)", most, maxTasks, code)
	}
}

func TestBrokenSettingsWait(t *testing.T) {
	out, code, took, _ := run(t, "prestop", "--grace=10s", "--fallback-wait=1s", "--port=1", "--unknown")
	if code != 1 || took < time.Second || !strings.Contains(out, "broken settings") || !strings.Contains(out, "-unknown") {
		t.Errorf("exit code %d after %v: %s", code, took, out)
	}
}

func TestTermEndsAtOnce(t *testing.T) {
	dir, err := os.MkdirTemp("", "lameduck-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(dir, "started")
	cmd := nobody(exec.Command(binary(t), "prestop", "--port=1", "--grace=60s", "--at-announce-exec", "--", "/bin/sh", "-c", "echo > "+mark+"; exec sleep 600"))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(mark); err == nil {
			break
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatal("its hook was never started")
		}
	}
	start := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if took, code := time.Since(start), cmd.ProcessState.ExitCode(); code != 143 || took > 20*time.Second {
		t.Errorf("exit code %d after %v", code, took)
	}
}

// TestClosedOutput has nobody read what the agent says: that must not end its wait.
func TestClosedOutput(t *testing.T) {
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	read.Close()
	defer write.Close()
	cmd := nobody(exec.Command(binary(t), "prestop", "--unknown"))
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case <-ended:
		t.Errorf("it ended at once: %v", cmd.ProcessState)
	case <-time.After(time.Second):
		cmd.Process.Kill()
		<-ended
	}
}

func BenchmarkStart(b *testing.B) {
	binary(b)
	for b.Loop() {
		if _, code, took, _ := run(b, "version"); code != 0 {
			b.Fatalf("exit code %d after %v", code, took)
		}
	}
	if each := b.Elapsed() / time.Duration(b.N); each > maxStart {
		b.Errorf("%v from start to exit, must be at most %v", each, maxStart)
	}
}
