package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/cmd/lameduck/command"
	"github.com/lameduck-dev/lameduck/verify/ledger"
)

// asApp makes this test binary the application itself, since the tests are about how it handles signals.
const asApp = "TEST_AS_APP"

func TestMain(m *testing.M) {
	if os.Getenv(asApp) != "" {
		main()
		return
	}
	if os.Getenv(asLameduck) != "" {
		os.Exit(command.Main(os.Args[1:], command.Build{Images: command.LocalImages}, os.Stdin, os.Stdout, os.Stderr))
	}
	os.Exit(m.Run())
}

// process is the application under test.
type process struct {
	*exec.Cmd
	url    string
	port   int
	lines  *bufio.Scanner
	client *http.Client
}

func start(t *testing.T, flags ...string) *process {
	t.Helper()
	port := freePort(t)
	cmd := exec.Command(os.Args[0], append([]string{fmt.Sprintf("--port=%d", port), "--pod=app-1"}, flags...)...)
	cmd.Env = append(os.Environ(), asApp+"=1", "APP_FLAGS=--work=1ms --stop=ignore")
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{}
	p := &process{Cmd: cmd, port: port, url: fmt.Sprintf("http://127.0.0.1:%d", port), lines: bufio.NewScanner(out), client: &http.Client{Transport: transport}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	p.expect(t, ledger.Start, ledger.None)
	return p
}

// expect reads the next line of the ledger.
func (p *process) expect(t *testing.T, event ledger.Event, id string) {
	t.Helper()
	if !p.lines.Scan() {
		t.Fatalf("the ledger ends before %s %s", event, id)
	}
	e, ok := ledger.Parse(p.lines.Bytes())
	if !ok || e.Event != event || e.ID != id {
		t.Fatalf("the ledger says %q, want %s %s", p.lines.Text(), event, id)
	}
}

func (p *process) signal(t *testing.T) {
	t.Helper()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.expect(t, ledger.Sigterm, ledger.None)
}

type answer struct {
	ID, Pod string
	Ledger  bool
	close   bool
	reused  bool
}

func (p *process) ask(id, query string) (answer, error) {
	r, err := http.NewRequest(http.MethodPost, p.url+"/"+query, strings.NewReader("x"))
	if err != nil {
		return answer{}, err
	}
	r.GetBody = nil
	r.Header.Set("X-Request-Id", id)
	var a answer
	trace := &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) { a.reused = info.Reused }}
	got, err := p.client.Do(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err != nil {
		return a, err
	}
	defer got.Body.Close()
	if got.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(got.Body)
		return a, fmt.Errorf("%s: %s", got.Status, text)
	}
	a.close = got.Close
	return a, json.NewDecoder(got.Body).Decode(&a)
}

func (p *process) mustAsk(t *testing.T, id string) answer {
	t.Helper()
	a, err := p.ask(id, "")
	if err != nil {
		t.Fatal(err)
	}
	if a.ID != id || a.Pod != "app-1" || !a.Ledger {
		t.Fatalf("answer %+v", a)
	}
	p.expect(t, ledger.Received, id)
	p.expect(t, ledger.Applied, id)
	return a
}

func (p *process) mustExit(t *testing.T) {
	t.Helper()
	p.expect(t, ledger.Exit, ledger.None)
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
}

func TestStopIgnore(t *testing.T) {
	p := start(t) // by APP_FLAGS
	p.mustAsk(t, "a")
	p.signal(t)
	if a := p.mustAsk(t, "b"); a.close || !a.reused {
		t.Errorf("after SIGTERM: %+v", a)
	}
}

func TestStopExit(t *testing.T) {
	p := start(t, "--stop=exit")
	p.mustAsk(t, "a")
	cut := make(chan error)
	go func() {
		_, err := p.ask("b", "?ms=5000")
		cut <- err
	}()
	p.expect(t, ledger.Received, "b")
	p.signal(t)
	p.mustExit(t)
	if err := <-cut; err == nil {
		t.Error("the request in flight was answered")
	}
}

func TestStreamIsWholeOrCut(t *testing.T) {
	p := start(t, "--stop=graceful", "--stop-timeout=0s")
	if a, err := p.ask("a", "?stream=1100"); err != nil || a.ID != "a" {
		t.Errorf("answer %+v, %v", a, err)
	}
	p.expect(t, ledger.Received, "a")
	p.expect(t, ledger.Applied, "a")
	cut := make(chan error)
	go func() {
		_, err := p.ask("b", "?stream=30000")
		cut <- err
	}()
	p.expect(t, ledger.Received, "b")
	p.signal(t)
	p.mustExit(t)
	if err := <-cut; err == nil {
		t.Error("a stream cut by the exit was answered in full")
	}
}

func TestStopShutdown(t *testing.T) {
	p := start(t, "--stop=shutdown")
	done := make(chan error)
	go func() {
		_, err := p.ask("a", "?ms=300")
		done <- err
	}()
	p.expect(t, ledger.Received, "a")
	p.signal(t)
	if err := <-done; err != nil {
		t.Errorf("the request in flight: %v", err)
	}
	p.expect(t, ledger.Applied, "a")
	p.mustExit(t)
}

func TestStopGraceful(t *testing.T) {
	p := start(t, "--stop=graceful")
	p.mustAsk(t, "a")
	began := time.Now()
	p.signal(t)
	waitRefused(t, p)
	// The idle connection is still good, and is told to close.
	if a := p.mustAsk(t, "b"); !a.reused || !a.close {
		t.Errorf("on the idle connection: %+v", a)
	}
	p.mustExit(t)
	if took := time.Since(began); took > idleEnough {
		t.Errorf("it took %v though every connection was told to close", took)
	}
}

func TestStopGracefulWaitsForIdleConnections(t *testing.T) {
	p := start(t, "--stop=graceful")
	p.mustAsk(t, "a")
	began := time.Now()
	p.signal(t)
	p.mustExit(t)
	if took := time.Since(began); took < idleEnough-200*time.Millisecond || took > idleEnough+2*time.Second {
		t.Errorf("it took %v, want about %v", took, idleEnough)
	}
}

func TestStopTimeout(t *testing.T) {
	for _, stop := range []string{"graceful", "shutdown"} {
		p := start(t, "--stop="+stop, "--stop-timeout=200ms")
		go func() { _, _ = p.ask("a", "?ms=30000") }()
		p.expect(t, ledger.Received, "a")
		p.signal(t)
		p.mustExit(t)
	}
}

// waitRefused waits until new connections are refused.
func waitRefused(t *testing.T, p *process) {
	t.Helper()
	for range 100 {
		c, err := net.Dial("tcp", strings.TrimPrefix(p.url, "http://"))
		if errors.Is(err, syscall.ECONNREFUSED) {
			return
		}
		if err == nil {
			c.Close()
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatal("new connections are still accepted")
}

func TestLedgerAndProbes(t *testing.T) {
	p := start(t)
	p.mustAsk(t, "a")
	p.mustAsk(t, "a")
	p.mustAsk(t, "b")
	if _, err := p.ask("no good id", ""); err == nil || !strings.Contains(err.Error(), "X-Request-Id") {
		t.Errorf("a bad id: %v", err)
	}
	if _, err := p.ask("c", "?ms=99999999"); err == nil || !strings.Contains(err.Error(), "ms=") {
		t.Errorf("a bad time: %v", err)
	}
	got, err := p.client.Get(p.url + "/ledger")
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	var sum summary
	if err := json.NewDecoder(got.Body).Decode(&sum); err != nil {
		t.Fatal(err)
	}
	if sum.Received != 3 || sum.Applied != 3 || sum.AppliedTwice != 1 || sum.Sigterm != nil {
		t.Errorf("ledger %+v", sum)
	}
	for path, want := range map[string]int{"/readyz": 200, "/livez": 200, "/other": 404} {
		got, err := p.client.Get(p.url + path)
		if err != nil {
			t.Fatal(err)
		}
		got.Body.Close()
		if got.StatusCode != want {
			t.Errorf("%s: %s", path, got.Status)
		}
	}
}

func TestFlags(t *testing.T) {
	tests := []struct {
		flags, want string
	}{
		{"--stop=later", `--stop "later": must be ignore, exit, shutdown or graceful`},
		{"--work=-1s", "durations must not be negative"},
		{"now", `unexpected argument "now"`},
	}
	for _, tt := range tests {
		if _, err := parse(strings.Fields(tt.flags)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: error %v, want %q", tt.flags, err, tt.want)
		}
	}
	t.Setenv("POD_NAME", "app-7")
	if c, err := parse([]string{"--stop=exit"}); err != nil || c.pod != "app-7" || c.port != 8080 || c.work != 5*time.Millisecond {
		t.Errorf("%+v, %v", c, err)
	}
}
