package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify"
)

// asLameduck makes this test binary the program lameduck.
const asLameduck = "TEST_AS_LAMEDUCK"

// freePort is one that nothing listens on.
func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

// router passes on connections as kube-proxy does: where a new one leads is decided once.
type router struct {
	address string
	to      atomic.Int64 // a port
}

func newRouter(t *testing.T, to int) *router {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &router{address: listener.Addr().String()}
	r.to.Store(int64(to))
	var passing sync.WaitGroup
	t.Cleanup(passing.Wait)
	t.Cleanup(func() { listener.Close() })
	passing.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			passing.Go(func() { r.pass(c.(*net.TCPConn)) })
		}
	})
	return r
}

// pass carries both directions, and their ends as they come.
func (r *router) pass(client *net.TCPConn) {
	defer client.Close()
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", r.to.Load()))
	if err != nil {
		_ = client.SetLinger(0)
		return
	}
	defer c.Close()
	app := c.(*net.TCPConn)
	var both sync.WaitGroup
	carry := func(to, from *net.TCPConn) {
		if _, err := io.Copy(to, from); err != nil {
			_ = to.SetLinger(0)
			to.Close()
			return
		}
		_ = to.CloseWrite()
	}
	both.Go(func() { carry(app, client) })
	both.Go(func() { carry(client, app) })
	both.Wait()
}

// TestVerifySeesTheStop runs the program against two applications, of which one gets SIGTERM: either in
// the order that lameduck makes, after the routers have forgotten it, or at once, while they still send.
func TestVerifySeesTheStop(t *testing.T) {
	tests := []struct {
		name  string
		stop  string // of the application
		first bool   // the routers forget it first
		lost  bool   // in every lane
	}{
		{"in order", "graceful", true, false},
		{"at once", "exit", false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel() // it waits for most of its time
			ports := []int{freePort(t), freePort(t)}
			leaving := start(t, "--stop="+tt.stop, fmt.Sprintf("--grpc-port=%d", ports[0]))
			staying := start(t, "--stop="+tt.stop, fmt.Sprintf("--grpc-port=%d", ports[1]))
			gone := make(chan struct{})
			for p, ended := range map[*process]chan struct{}{leaving: gone, staying: make(chan struct{})} {
				go func() { // nobody else reads the ledgers
					defer close(ended)
					for p.lines.Scan() {
					}
				}()
			}
			web, calls := newRouter(t, leaving.port), newRouter(t, ports[0])
			forget := func() {
				web.to.Store(int64(staying.port))
				calls.to.Store(int64(ports[1]))
			}
			result := runVerify(t, web.address, calls.address, func() {
				if tt.first {
					forget()
					time.Sleep(300 * time.Millisecond)
				}
				if err := leaving.Process.Signal(syscall.SIGTERM); err != nil {
					t.Error(err)
				}
				if !tt.first {
					<-gone // a program with the race detector takes a second for its exit
					time.Sleep(time.Second)
					forget()
				}
			})
			if len(result.Lanes) != len(verify.AllLanes()) {
				t.Fatalf("%d lanes", len(result.Lanes))
			}
			told := map[string]bool{verify.LaneGRPCStream: true, verify.LaneWS: true, verify.LaneSSE: true}
			for _, lane := range result.Lanes {
				c := lane.Counts
				if c.Requests != c.OK+c.Lost+c.Masked || c.Requests < 50 || (c.Lost+c.Masked > 0) != tt.lost || (c.Told > 0) != (told[lane.Name] && tt.first) {
					t.Errorf("%s: %+v", lane.Name, c)
				}
				t.Logf("%s: %+v", lane.Name, c)
				if c.Kinds[report.Other] > 0 {
					t.Errorf("%s: losses without a name", lane.Name)
				}
			}
			if t.Failed() {
				for _, loss := range result.Losses {
					if !tt.lost || loss.Kind == report.Other {
						t.Logf("%s %s: %s", loss.Lane, loss.Kind, loss.Detail)
					}
				}
			}
		})
	}
}

// runVerify runs the program with every lane, and calls act in the time of its action.
func runVerify(t *testing.T, web, calls string, act func()) *report.Verify {
	t.Helper()
	dir := t.TempDir()
	due, done := filepath.Join(dir, "due"), filepath.Join(dir, "done")
	lanes := fmt.Sprintf("fresh,keepalive,post,h2,ws=/ws,sse=/events,download=/download?ms=1000,grpc=http://%s/grpc.health.v1.Health/Check,grpc-stream=http://%s/grpc.health.v1.Health/Watch", calls, calls)
	cmd := exec.Command(os.Args[0], "verify", "--no-watch", "--url", "http://"+web, "--lanes", lanes, "--rate", "180",
		"--before=1500ms", "--after=1s", "--hold=2500ms", "--timeout=10s", "--ws-message=hello", "-o", "json",
		"--", "sh", "-c", fmt.Sprintf("touch %s; until [ -e %s ]; do sleep 0.05; done", due, done))
	cmd.Env = append(os.Environ(), asLameduck+"=1")
	var out, progress strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &progress
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 600 {
		if _, err := os.Stat(due); err == nil {
			act()
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	if err := os.WriteFile(done, nil, 0o600); err != nil {
		t.Error(err)
	}
	err := cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != 1) {
		t.Fatalf("%v: %s%s", err, progress.String(), out.String())
	}
	var result report.Verify
	if err := json.Unmarshal([]byte(out.String()), &result); err != nil {
		t.Fatalf("%v: %s", err, out.String())
	}
	return &result
}
