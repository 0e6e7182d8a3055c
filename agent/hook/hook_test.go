package hook

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestExec(t *testing.T) {
	tests := []struct {
		name    string
		command []string
		result  string
		err     string
	}{
		{"succeeds", []string{"/bin/sh", "-c", "echo fine"}, "ended", ""},
		{"fails", []string{"/bin/sh", "-c", "echo no such peer >&2; exit 7"}, "failed", "exit status 7: no such peer"},
		{"is not there", []string{"/no/such/file"}, "failed", "/no/such/file"},
		{"is nothing", nil, "failed", "no command"},
		{"leaves a child behind", []string{"/bin/sh", "-c", "sleep 1 & exit 0"}, "ended", ""},
		{"says much", []string{"/bin/sh", "-c", "yes | head -c 1000000; exit 1"}, "failed", "y\ny"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			result, err := Exec{tt.command}.Run(t.Context())
			if result != tt.result || (tt.err == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s, %v", result, err)
			}
			if err != nil && len(err.Error()) > 2*maxOutput {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
		})
	}
}

func TestExecKillsTheWholeGroup(t *testing.T) {
	dir := t.TempDir()
	pidFile := filepath.Join(dir, "pid")
	// The child ignores the polite signals and holds the output open.
	script := "trap '' TERM; sh -c 'trap \"\" TERM; echo $$ > " + pidFile + "; sleep 600' ; sleep 600"
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	result, err := Exec{[]string{"/bin/sh", "-c", script}}.Run(ctx)
	if took := time.Since(start); took > 3*time.Second || result != "was killed" || err == nil {
		t.Errorf("%s, %v after %v", result, err, took)
	}
	text, err := os.ReadFile(pidFile)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
		if time.Now().After(deadline) {
			syscall.Kill(pid, syscall.SIGKILL)
			t.Fatalf("the child %d lives on", pid)
		}
	}
}

func TestHTTPGet(t *testing.T) {
	var asked *http.Request
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = r
		w.WriteHeader(http.StatusInternalServerError)
		io.WriteString(w, strings.Repeat("x", 10_000))
	}))
	defer server.Close()
	get, err := ParseHTTPGet(strings.TrimPrefix(server.URL, "http://") + "/stop?now=1")
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range []string{"Host: shop.example", "X-Key:value", "user-agent: kubelet"} {
		if err := get.AddHeader(header); err != nil {
			t.Fatal(err)
		}
	}
	result, err := get.Run(t.Context())
	if result != "got 500 Internal Server Error" || err != nil {
		t.Errorf("%s, %v", result, err)
	}
	if asked.URL.String() != "/stop?now=1" || asked.Host != "shop.example" || asked.Header.Get("X-Key") != "value" || asked.UserAgent() != "kubelet" || asked.Header.Get("Accept") != "*/*" {
		t.Errorf("asked %s %s %v", asked.Host, asked.URL, asked.Header)
	}
}

func TestHTTPGetOfTheOwnAddress(t *testing.T) {
	l, err := net.Listen("tcp", net.JoinHostPort(ownAddress(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.NotFoundHandler()}
	go server.Serve(l)
	defer server.Close()
	get := HTTPGet{Port: uint16(l.Addr().(*net.TCPAddr).Port), Path: "/"}
	if result, err := get.Run(t.Context()); result != "got 404 Not Found" || err != nil {
		t.Errorf("%s, %v", result, err)
	}
}

func TestHTTPGetFails(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	get := HTTPGet{Host: "127.0.0.1", Port: uint16(l.Addr().(*net.TCPAddr).Port), Path: "/"}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	start := time.Now()
	if result, err := get.Run(ctx); result != "failed" || err == nil || time.Since(start) > 3*time.Second {
		t.Errorf("never answered: %s, %v after %v", result, err, time.Since(start))
	}
	l.Close()
	if result, err := get.Run(t.Context()); result != "failed" || err == nil {
		t.Errorf("refused: %s, %v", result, err)
	}
}

func TestParseHTTPGet(t *testing.T) {
	tests := []struct {
		text string
		want HTTPGet
	}{
		{":8080/stop", HTTPGet{Port: 8080, Path: "/stop"}},
		{"localhost:80/", HTTPGet{Host: "localhost", Port: 80, Path: "/"}},
		{"[::1]:80", HTTPGet{Host: "::1", Port: 80, Path: "/"}},
		{":80/a/b?c=d:e", HTTPGet{Port: 80, Path: "/a/b?c=d:e"}},
	}
	for _, tt := range tests {
		got, err := ParseHTTPGet(tt.text)
		if err != nil || got.Host != tt.want.Host || got.Port != tt.want.Port || got.Path != tt.want.Path {
			t.Errorf("%s: %+v, %v", tt.text, got, err)
		}
	}
	for _, bad := range []string{"", "/stop", "8080/stop", ":0/", ":http/", ":70000/", ":80/a b", ":80/\r\nX: y"} {
		if got, err := ParseHTTPGet(bad); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
	for _, bad := range []string{"", "X", ": y", "X Y: z", "X: y\r\nZ: a"} {
		if err := new(HTTPGet).AddHeader(bad); err == nil {
			t.Errorf("header %q was taken", bad)
		}
	}
}

func FuzzParseHTTPGet(f *testing.F) {
	f.Add(":8080/stop")
	f.Add("[::1]:80/")
	f.Fuzz(func(t *testing.T, text string) {
		get, err := ParseHTTPGet(text)
		if err == nil && (get.Port == 0 || !strings.HasPrefix(get.Path, "/") || strings.ContainsAny(get.Path, "\r\n ")) {
			t.Errorf("%q: %+v", text, get)
		}
	})
}
