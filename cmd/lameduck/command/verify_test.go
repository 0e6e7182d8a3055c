package command

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify/action"
)

// echoServer answers as an application should that helps verify; broken fails all but the probes.
func echoServer(t *testing.T, broken bool) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := r.Header.Get("X-Request-Id")
		_, _ = io.Copy(io.Discard, r.Body)
		if broken && !strings.HasPrefix(id, "probe") {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintf(w, `{"id":%q,"pod":"app-1"}`, id)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func verifyCommand(args ...string) (out, progress string, err error) {
	cmd := newVerify(testBuild)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var stdout, stderr bytes.Buffer
	cmd.SetOut(&stdout)
	cmd.SetErr(&stderr)
	cmd.SetArgs(args)
	err = cmd.Execute()
	return stdout.String(), stderr.String(), err
}

func TestVerifyExitCodes(t *testing.T) {
	good, bad := echoServer(t, false), echoServer(t, true)
	getOnly := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			w.WriteHeader(http.StatusNotImplemented)
		}
	}))
	defer getOnly.Close()
	short := []string{"--no-watch", "--before=100ms", "--after=100ms", "--duration=200ms"}
	tests := []struct {
		name string
		args []string
		code int
		says string // in the output or the error
	}{
		{"nothing lost", []string{"--url", good}, 0, "Nothing was lost:"},
		{"nothing lost, with a command", []string{"--url", good, "--", "true"}, 0, "true, complete after"},
		{"lost", []string{"--url", bad}, 1, "LOST:"},
		{"the command fails", []string{"--url", good, "--", "false"}, 3, "Nothing is proved: the action failed"},
		{"a target that takes no POST", []string{"--url", getOnly.URL, "--timeout=100ms"}, 3, "without it, --lanes fresh,keepalive"},
		{"no target", []string{"--url", "http://127.0.0.1:1", "--timeout=100ms"}, 3, "the target must answer before anything is done to it"},
		{"no URL", nil, 2, "--url is missing"},
		{"bad URL", []string{"--url", "app"}, 2, `target URL "app": must be http://`},
		{"no scheme", []string{"--url", "127.0.0.1:80"}, 2, `target URL "127.0.0.1:80": must be http://`},
		{"bad lane", []string{"--url", good, "--lanes=grpc9"}, 2, `no lane "grpc9"`},
		{"bad output", []string{"--url", good, "-o", "xml"}, 2, `--output "xml": must be text or json`},
		{"bad header", []string{"--url", good, "-H", "nonsense"}, 2, `--header "nonsense": must be "Name: value"`},
		{"zero rate", []string{"--url", good, "--rate=0"}, 2, "--rate 0: must be more than 0"},
		{"two actions", []string{"--url", good, "--do", "drain node1", "--", "true"}, 2, "give one of them"},
		{"an argument", []string{"--url", good, "drain"}, 2, `unexpected argument "drain"`},
		{"no such command", []string{"--url", good, "--", "no-such-program-here"}, 2, "no-such-program-here"},
		{"a wrong action", []string{"--url", good, "--do", "reboot node1"}, 2, "there are:"},
		{"no cluster", []string{"--url", good, "--do", "drain node1", "--kubeconfig", "/does/not/exist"}, 3, "finding the cluster"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append(append([]string{}, short...), tt.args...)
			out, _, err := verifyCommand(args...)
			code := 0
			var coded *exitError
			if errors.As(err, &coded) {
				code = coded.code
			} else if err != nil {
				t.Fatalf("an error without a code: %v", err)
			}
			if said := out + fmt.Sprint(err); code != tt.code || !strings.Contains(said, tt.says) {
				t.Errorf("exit code %d, want %d; said:\n%s", code, tt.code, said)
			}
		})
	}
}

// Whoever has no cluster is told how to go on without one, unless an action needs it.
func TestVerifyWithoutAKubeconfig(t *testing.T) {
	t.Setenv("KUBECONFIG", filepath.Join(t.TempDir(), "absent"))
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, tt := range []struct {
		args []string
		says bool
	}{{nil, true}, {[]string{"--do", "drain node1"}, false}} {
		_, _, err := verifyCommand(append([]string{"--url", echoServer(t, false)}, tt.args...)...)
		text := fmt.Sprint(err)
		if !strings.Contains(text, "which does not exist") || strings.Contains(text, "--no-watch") != tt.says || strings.Contains(text, "KUBERNETES_MASTER") {
			t.Errorf("%v: %s", tt.args, text)
		}
	}
}

func TestVerifyJSON(t *testing.T) {
	out, _, err := verifyCommand("--no-watch", "--url", echoServer(t, false), "--duration=300ms", "--lanes=post,fresh", "--rate=40", "-o", "json", "-H", "X-Extra: 1")
	if err != nil {
		t.Fatal(err)
	}
	var v report.Verify
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	if v.Schema != report.VerifySchema || len(v.Lanes) != 2 || v.Lanes[0].Name != "post" || v.Totals.Requests < 10 || v.Totals.OK != v.Totals.Requests {
		t.Errorf("%+v", v)
	}
}

func TestVerifyTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":%q,"pod":"app-1"}`, r.Header.Get("X-Request-Id"))
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots, empty := filepath.Join(t.TempDir(), "ca.pem"), filepath.Join(t.TempDir(), "empty.pem")
	pemText := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := errors.Join(os.WriteFile(roots, pemText, 0o600), os.WriteFile(empty, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"the system's certificates", nil, 3, "certificate signed by unknown authority"},
		{"the server's own", []string{"--ca-file", roots}, 0, "Nothing was lost"},
		{"any", []string{"--insecure-skip-verify"}, 0, "Nothing was lost"},
		{"both", []string{"--insecure-skip-verify", "--ca-file", roots}, 2, "give one of them"},
		{"no certificate", []string{"--ca-file", empty}, 2, "it holds no certificate in PEM"},
		{"no file", []string{"--ca-file", roots + "x"}, 2, "--ca-file: open"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			args := append([]string{"--no-watch", "--url", server.URL, "--lanes=fresh,h2", "--duration=200ms", "--rate=40", "--timeout=1s"}, tt.args...)
			if tt.code == 3 {
				args = append(args, "--timeout=50ms")
			}
			out, _, err := verifyCommand(args...)
			code := 0
			if coded := (*exitError)(nil); errors.As(err, &coded) {
				code = coded.code
			}
			if said := out + fmt.Sprint(err); code != tt.code || !strings.Contains(said, tt.says) {
				t.Errorf("exit code %d, want %d; said:\n%s", code, tt.code, said)
			}
		})
	}
}

func TestWatched(t *testing.T) {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "app"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "app"}, ClusterIPs: []string{"10.96.7.8"}},
	}
	tests := []struct {
		name, url, selector, want string
	}{
		{"given", "http://x", "tier=web", "tier=web"},
		{"by name", "http://app", "", "app=app"},
		{"by name and namespace", "http://app.shop:8080/x", "", "app=app"},
		{"by full name", "http://app.shop.svc.cluster.local", "", "app=app"},
		{"by address", "http://10.96.7.8:80", "", "app=app"},
		{"another namespace", "http://app.other.svc", "", ""},
		{"from outside", "https://app.shop.example.com", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &verifyFlags{selector: tt.selector}
			f.options.URL = tt.url
			got, err := f.watched(t.Context(), fake.NewClientset(service), "shop", nil)
			if err != nil || got != tt.want {
				t.Errorf("%q, %v; want %q", got, err, tt.want)
			}
		})
	}
	f := &verifyFlags{selector: "a in"}
	if _, err := f.watched(t.Context(), fake.NewClientset(), "shop", nil); !errors.Is(err, action.ErrUsage) {
		t.Errorf("a bad selector: %v", err)
	}
}
