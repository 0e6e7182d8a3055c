//go:build routers

package routers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"text/template"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/verify"
)

var record = flag.Bool("record", false, "record the answers again")

// answers is where the answers are recorded; the tests of verify read them.
const answers = "../../verify/testdata/routers.json"

// answer is what a client of a router gets when the backend does what cause says.
type answer struct {
	Router string `json:"router"`
	Cause  string `json:"cause"`
	Kept   bool   `json:"kept,omitempty"` // over a connection to the backend that was used before
	Status int    `json:"status,omitempty"`
	Body   string `json:"body,omitempty"`
	Error  string `json:"error,omitempty"`
	// PassedOn: the router's headers say that the answer is the backend's.
	PassedOn bool   `json:"passedOn,omitempty"`
	Hint     string `json:"hint,omitempty"`
}

// causes are what a backend can do, each at a port of its own; "none" has no backend.
var causes = []string{"refuses", "resets", "closes", "cuts", "silent", "ignores", "fails", "none"}

// TestAnswers holds what the real routers answer to what is recorded.
func TestAnswers(t *testing.T) {
	ports := map[string]int{}
	for _, cause := range causes {
		ports[cause] = backend(t, cause)
	}
	var got []answer
	for _, router := range []string{"envoy", "haproxy", "nginx", "traefik"} {
		base := start(t, router, ports)
		for _, cause := range causes {
			got = append(got, ask(router, cause, base, false))
			if cause == "resets" || cause == "closes" {
				got = append(got, ask(router, cause, base, true))
			}
		}
	}
	text, err := json.MarshalIndent(got, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, '\n')
	if *record {
		if err := os.WriteFile(answers, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(answers)
	if err != nil || !bytes.Equal(want, text) {
		t.Errorf("%v: the routers answer otherwise than recorded (-record writes it; -want +got):\n%s", err, cmp.Diff(string(want), string(text)))
	}
}

// backend starts a server that treats each request as cause says, and returns its port. A request for
// /CAUSE/good is answered, over a connection that stays.
func backend(t *testing.T, cause string) int {
	if cause == "ignores" {
		return ignoring(t)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	if cause == "refuses" || cause == "none" {
		listener.Close()
		return port
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/good") {
			fmt.Fprint(w, "good")
			return
		}
		if cause == "fails" {
			w.WriteHeader(http.StatusServiceUnavailable)
			fmt.Fprint(w, `{"pod":"app-1"}`)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer conn.Close()
		switch cause {
		case "resets":
			_ = conn.(*net.TCPConn).SetLinger(0)
		case "cuts":
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nbeginning")
		case "silent":
			_, _ = io.Copy(io.Discard, conn) // until the router gives up
		}
	})}
	go server.Serve(listener)
	t.Cleanup(func() { server.Close() })
	return port
}

// ignoring is a port at which no connection is made, as at the address of a pod that is gone: nobody takes
// those that wait there, and there is no room for more.
func ignoring(t *testing.T) int {
	socket, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(socket) })
	if err := errors.Join(syscall.Bind(socket, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}), syscall.Listen(socket, 0)); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(socket)
	if err != nil {
		t.Fatal(err)
	}
	port := name.(*syscall.SockaddrInet4).Port
	for range 16 {
		conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", port), 500*time.Millisecond)
		if err != nil {
			return port
		}
		t.Cleanup(func() { conn.Close() })
	}
	t.Fatal("a port that nobody listens at takes every connection")
	return 0
}

// ask sends one request; with kept, it first has the router open a connection to the backend.
func ask(router, cause, base string, kept bool) answer {
	transport := &http.Transport{DisableKeepAlives: true}
	client := &http.Client{Transport: transport, Timeout: 10 * time.Second}
	got := answer{Router: router, Cause: cause, Kept: kept}
	if kept {
		if response, err := client.Get(base + "/" + cause + "/good"); err == nil {
			_, _ = io.Copy(io.Discard, response.Body)
			response.Body.Close()
		}
	}
	// A router repeats a GET on its own; a loss is what it does not repeat.
	response, err := client.Post(base+"/"+cause, "text/plain", strings.NewReader("id"))
	if err != nil {
		got.Error = plain(err)
		return got
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		got.Error = plain(err)
	}
	got.Status, got.Body = response.StatusCode, string(body)
	if response.StatusCode >= http.StatusBadRequest {
		got.PassedOn = response.Header.Get(verify.PassedOn) != ""
		got.Hint = verify.RouterHint(response.StatusCode, response.Header, body)
	}
	return got
}

func plain(err error) string {
	for errors.Unwrap(err) != nil {
		err = errors.Unwrap(err)
	}
	return err.Error()
}

// start starts a router that sends /CAUSE to the backend of that cause, and waits until it listens.
func start(t *testing.T, router string, ports map[string]int) string {
	dir := t.TempDir()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := listener.Addr().(*net.TCPAddr).Port
	listener.Close()
	type backend struct {
		Cause string
		Port  int
		None  bool
	}
	data := struct {
		Dir      string
		Port     int
		Backends []backend
	}{Dir: dir, Port: port}
	for _, cause := range causes {
		data.Backends = append(data.Backends, backend{cause, ports[cause], cause == "none"})
	}
	configs, err := filepath.Glob("testdata/answers/" + router + "*")
	if err != nil || configs == nil {
		t.Fatalf("no configuration of %s: %v", router, err)
	}
	for _, config := range configs {
		var text bytes.Buffer
		if err := template.Must(template.ParseFiles(config)).Execute(&text, data); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, filepath.Base(config)), text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := map[string][]string{
		"envoy":   {"", "-c", filepath.Join(dir, "envoy.yaml"), "--disable-hot-restart", "--concurrency", "1", "--log-level", "error"},
		"haproxy": {"haproxy", "-db", "-f", filepath.Join(dir, "haproxy.cfg")},
		"nginx":   {"nginx", "-p", dir, "-e", "stderr", "-c", filepath.Join(dir, "nginx.conf")},
		"traefik": {"", "--configfile=" + filepath.Join(dir, "traefik.yaml")},
	}[router]
	switch router {
	case "envoy":
		args[0], err = Envoy(t.Context(), os.Stderr)
	case "traefik":
		args[0], err = Traefik(t.Context(), os.Stderr)
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	var log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &log, &log
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatalf("%v (hack/deps.sh --routers installs it)", err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Logf("%s:\n%s", router, log.String())
		}
	})
	base := fmt.Sprintf("http://127.0.0.1:%d", port)
	for deadline := time.Now().Add(30 * time.Second); ; {
		response, err := http.Get(base + "/fails/good")
		if err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return base
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not answer: %v", router, err)
		}
		<-time.After(50 * time.Millisecond)
	}
}
