package hubclient

import (
	"bufio"
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hub is a hub on net/http, as the controller's is.
type hub struct {
	t        *testing.T
	key      hpke.PrivateKey
	public   hpke.PublicKey
	requests []any
	response any
	status   int
	before   bool // does not bind requests to their call
}

func newHub(t *testing.T) *hub {
	private, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	key, err := seal.ParsePrivate(private)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := seal.ParsePublic(public)
	if err != nil {
		t.Fatal(err)
	}
	return &hub{t: t, key: key, public: pub, status: 200}
}

func (h *hub) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.status != 200 {
		w.WriteHeader(h.status)
		return
	}
	sealed, err := io.ReadAll(r.Body)
	if err != nil {
		h.t.Error(err)
	}
	call := r.URL.Path
	if h.before {
		call = seal.AnyCall
	}
	plaintext, respond, err := seal.Open(h.key, call, sealed)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var request any = new(hubapi.ConfirmRequest)
	if r.URL.Path == hubapi.ReportPath {
		request = new(hubapi.ReportRequest)
	}
	if err := json.Unmarshal(plaintext, request); err != nil || r.Method != http.MethodPost {
		h.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	h.requests = append(h.requests, request)
	answer, err := json.Marshal(h.response)
	if err != nil {
		h.t.Error(err)
	}
	response, err := respond(answer)
	if err != nil {
		h.t.Error(err)
	}
	w.Write(response)
}

func (h *hub) serve() string {
	server := httptest.NewServer(h)
	h.t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// raw answers every connection with the same bytes; none at all hangs.
func raw(t *testing.T, answer string) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() { l.Close(); <-done })
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if request, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
				io.ReadAll(request.Body)
			}
			if answer == "" {
				io.ReadAll(conn)
			}
			io.WriteString(conn, answer)
			conn.Close()
		}
	}()
	return l.Addr().String()
}

// closed is an address that refuses connections.
func closed(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func tokenFile(t *testing.T, text string) string {
	path := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestConfirm(t *testing.T) {
	h := newHub(t)
	var many []termination.Evidence
	for range 500 {
		many = append(many, termination.Evidence{Kind: termination.BarrierPassed, Subject: "node1"})
	}
	h.response = hubapi.ConfirmResponse{Confirmed: true, Evidence: many, GraceSeconds: 45}
	path := tokenFile(t, "first\n")
	c := &Client{Addresses: []string{closed(t), h.serve()}, Key: h.public, TokenFile: path}
	got, err := c.Confirm(t.Context(), hubapi.Question{Wait: time.Hour})
	if err != nil || !got.Confirmed || got.GraceSeconds != 45 || len(got.Evidence) != 500 {
		t.Fatalf("%+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Confirm(t.Context(), hubapi.Question{Wait: 5 * time.Second}); err != nil {
		t.Fatal(err)
	}
	first, second := h.requests[0].(*hubapi.ConfirmRequest), h.requests[1].(*hubapi.ConfirmRequest)
	if first.Token != "first" || first.WaitSeconds != 25 || second.Token != "second" || second.WaitSeconds != 5 {
		t.Errorf("asked %+v, %+v", first, second)
	}
}

func TestReport(t *testing.T) {
	h := newHub(t)
	h.response = hubapi.ReportResponse{}
	c := &Client{Addresses: []string{h.serve()}, Key: h.public, TokenFile: tokenFile(t, "token")}
	line := termination.Timeline{Budget: termination.Default, Evidence: []termination.Evidence{{Kind: termination.Drained, Source: "agent"}}}
	if err := c.Report(t.Context(), line); err != nil {
		t.Fatal(err)
	}
	if got := h.requests[0].(*hubapi.ReportRequest).Timeline; got.Budget != line.Budget || len(got.Evidence) != 1 {
		t.Errorf("reported %+v", got)
	}
	h.response = hubapi.ReportResponse{Error: "who are you"}
	if err := c.Report(t.Context(), line); err == nil || !strings.Contains(err.Error(), "who are you") {
		t.Errorf("error %v", err)
	}
	line.Evidence[0].Detail = strings.Repeat("x", hubapi.MaxRequest)
	if err := c.Report(t.Context(), line); err == nil || !strings.Contains(err.Error(), "more than the hub takes") {
		t.Errorf("error %v", err)
	}
}

// A hub of the version before is asked in its own way.
func TestTheHubBefore(t *testing.T) {
	h := newHub(t)
	h.before = true
	h.response = hubapi.ConfirmResponse{Confirmed: true, GraceSeconds: 45}
	c := &Client{Addresses: []string{h.serve()}, Key: h.public, TokenFile: tokenFile(t, "token")}
	if got, err := c.Confirm(t.Context(), hubapi.Question{}); err != nil || got.GraceSeconds != 45 {
		t.Errorf("%+v, %v", got, err)
	}
	h.response = hubapi.ReportResponse{}
	if err := c.Report(t.Context(), termination.Timeline{}); err != nil {
		t.Error(err)
	}
}

func TestFailures(t *testing.T) {
	h, other := newHub(t), newHub(t)
	other.response = hubapi.ConfirmResponse{Confirmed: true}
	follower := newHub(t)
	follower.status = 503
	redirecting := newHub(t)
	redirecting.status = 301
	long := strings.Repeat("x", hubapi.MaxResponse+100)
	tests := []struct {
		name, address, want string
	}{
		{"dead", closed(t), "refused"},
		{"not the leader", follower.serve(), "not the leader"},
		{"another key", other.serve(), "could not open the request (400)"},
		{"redirect", redirecting.serve(), "status 301"},
		{"garbage", raw(t, "\x00\x01\x02\n"), "not an HTTP status"},
		{"another protocol", raw(t, "SSH-2.0-OpenSSH_9.2\r\n"), "not an HTTP status"},
		{"nothing", raw(t, "\n"), "not an HTTP status"},
		{"headers without end", raw(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("A: b\r\n", 5000)), "reading the headers"},
		{"a line without end", raw(t, long), "reading the status"},
		{"an answer without end", raw(t, "HTTP/1.1 200 OK\r\n\r\n"+long), "larger than"},
		{"an answer not sealed", raw(t, "HTTP/1.1 200 OK\r\n\r\n{\"confirmed\":true,\"evidence\":[{}]}"), "opening a response"},
		{"an answer cut", raw(t, "HTTP/1.1 200 OK\r\n\r\n"), "too few"},
		{"hangs", raw(t, ""), "not in time"},
		{"no address", "nowhere", "missing port"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeoutCause(t.Context(), 300*time.Millisecond, errors.New("not in time"))
			defer cancel()
			c := &Client{Addresses: []string{tt.address}, Key: h.public, TokenFile: tokenFile(t, strings.Repeat("t", 400))}
			start := time.Now()
			got, err := c.Confirm(ctx, hubapi.Question{})
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.address) {
				t.Errorf("%+v, error %v, want %q", got, err, tt.want)
			}
			if got.Confirmed || time.Since(start) > 5*time.Second {
				t.Errorf("%+v after %v", got, time.Since(start))
			}
		})
	}
}

func TestToken(t *testing.T) {
	h := newHub(t)
	for name, path := range map[string]string{
		"absent": filepath.Join(t.TempDir(), "none"),
		"empty":  tokenFile(t, "\n"),
		"huge":   tokenFile(t, strings.Repeat("x", maxToken+1)),
	} {
		c := &Client{Addresses: []string{closed(t)}, Key: h.public, TokenFile: path}
		if _, err := c.Confirm(t.Context(), hubapi.Question{}); err == nil || !strings.Contains(err.Error(), "token") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (&Client{Key: h.public, TokenFile: tokenFile(t, "token")}).Confirm(t.Context(), hubapi.Question{}); err == nil {
		t.Error("without an address: no error")
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add("HTTP/1.1 200 OK\r\nA: b\r\n\r\nbody")
	f.Add("HTTP/1.1 503 no\r\n\r\n")
	f.Add("HTTP/1.1 20")
	f.Fuzz(func(t *testing.T, text string) {
		body, err := readAnswer(strings.NewReader(text))
		if err == nil && (!strings.HasPrefix(text, "HTTP/1.") || !strings.HasSuffix(text, string(body))) {
			t.Errorf("body %q of %q", body, text)
		}
	})
}
