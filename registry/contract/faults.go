package contract

import (
	"bytes"
	"encoding/pem"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// fault is a server, or something in front of it, that misbehaves. It imitates nothing that a
// registry does.
type fault struct {
	name   string
	handle http.HandlerFunc
	tls    bool
	spec   string // further settings; CA stands for the server's own certificate
	server string // what the client is given; HOST stands for host:port
	want   string // of the error
}

var faults = []fault{
	{name: "slow", handle: func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, spec: "timeout=100ms", want: "no answer within 100ms"},
	{name: "slow in its body", handle: func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		io.WriteString(w, "{") //nolint:errcheck // the client sees it
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}, spec: "timeout=100ms", want: "no answer within 100ms"},
	{name: "redirect loop", handle: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.RequestURI(), http.StatusTemporaryRedirect)
	}, want: "redirected more than 3 times"},
	{name: "redirect elsewhere", handle: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://elsewhere.invalid/", http.StatusTemporaryRedirect)
	}, want: "redirected to another host: name elsewhere.invalid itself as server"},
	{name: "redirect away from TLS", tls: true, handle: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://"+r.Host+"/", http.StatusTemporaryRedirect)
	}, spec: "ca-file=CA", server: "https://HOST", want: "redirected from https to http://"},
	{name: "unknown authority", tls: true, handle: empty, server: "https://HOST", want: "signed by an authority that is not known here: give that one's certificate by ca-file="},
	{name: "certificate of another name", tls: true, handle: empty, spec: "ca-file=CA", server: "https://localhost:PORT", want: "its certificate is for another name"},
	{name: "no TLS where it is wanted", handle: empty, server: "https://HOST", want: "it does not speak TLS: write its URL with http://"},
	{name: "TLS where none is wanted", tls: true, handle: empty, want: "write its URL with https://"},
	{name: "empty", handle: empty, want: "(empty)"},
	{name: "a page of HTML", handle: says(http.StatusOK, "<html><h1>Welcome</h1></html>"), want: "Welcome"},
	{name: "cut JSON", handle: says(http.StatusOK, `{"code":0,"data":[{"ip":`), want: `{"code":0,`},
	{name: "JSON of something else", handle: says(http.StatusOK, `{"status":"UP"}`), want: `{"status":"UP"}`},
	{name: "null", handle: says(http.StatusOK, `null`), want: "null"},
	{name: "a bad gateway", handle: says(http.StatusBadGateway, "upstream is away"), want: "answered 502: upstream is away"},
	{name: "an error of many lines", handle: says(http.StatusInternalServerError, strings.Repeat("caused by\n\tat x\r\n\x1b[31m", 1000)), want: "caused by at x"},
	{name: "huge", handle: func(w http.ResponseWriter, _ *http.Request) {
		for block := bytes.Repeat([]byte(" "), 1<<20); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	}, want: "the answer is longer than 2 MiB"},
	{name: "huge header", handle: func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 100<<10)) }, want: "exceeded"},
	{name: "cut off", handle: func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, want: "EOF"},
	{name: "refused", server: "127.0.0.1:1", want: "connection refused"},
}

// quiet is for servers that are meant to fail.
var quiet = log.New(io.Discard, "", 0)

func empty(http.ResponseWriter, *http.Request) {}

func says(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		io.WriteString(w, body) //nolint:errcheck // the client sees it
	}
}

// patience is for servers that do answer.
const patience = 20 * time.Second

// maxLine bounds an error, in bytes.
const maxLine = 900

// Faults makes a call against each misbehaving server, and wants an error of one line that names
// the server and says what is wrong. call is given the settings, server= included.
func Faults(t *testing.T, call func(t *testing.T, settings string) error) {
	for _, fault := range faults {
		t.Run(fault.name, func(t *testing.T) {
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				io.Copy(io.Discard, r.Body) //nolint:errcheck // until then, the server does not see that the client has gone
				fault.handle(w, r)
			}))
			server.Config.ErrorLog = quiet
			if fault.tls {
				server.StartTLS()
			} else {
				server.Start()
			}
			defer server.Close()
			host := server.Listener.Addr().String()
			address := strings.ReplaceAll(fault.server, "HOST", host)
			if address == "" {
				address = host
			}
			if _, port, err := net.SplitHostPort(host); err == nil {
				address = strings.ReplaceAll(address, "PORT", port)
			}
			settings := "server=" + address + " " + fault.spec
			if !strings.Contains(fault.spec, "timeout=") {
				settings += " timeout=" + patience.String() // no matter how busy the machine is
			}
			if fault.tls {
				settings = strings.ReplaceAll(settings, "=CA", "="+certificate(t, server))
			}
			start := time.Now()
			err := call(t, settings)
			if err == nil {
				t.Fatal("no error")
			}
			text := err.Error()
			place := strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://")
			if !strings.Contains(text, fault.want) || !strings.Contains(text, place) {
				t.Errorf("want %q and %q in: %s", place, fault.want, text)
			}
			if strings.ContainsAny(text, "\n\r\x1b") || len(text) > maxLine {
				t.Errorf("not one line: %q", text)
			}
			if took := time.Since(start); took > 2*patience {
				t.Errorf("took %v", took)
			}
		})
	}
}

func certificate(t *testing.T, server *httptest.Server) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(file, text, 0o644); err != nil {
		t.Fatal(err)
	}
	return file
}

// Says starts a server that answers every call with what a real one was seen to say, and gives its
// address.
func Says(t testing.TB, status int, body string) string {
	t.Helper()
	server := httptest.NewServer(says(status, body))
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}
