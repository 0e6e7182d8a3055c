package router

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open gives the API of a server on this machine.
func open(t *testing.T, timeout time.Duration, path string, handler http.HandlerFunc) *Door {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	at := netip.MustParseAddrPort(server.Listener.Addr().String())
	return NewDoors(timeout).At(at.Addr(), API{"traefik", at.Port(), path})
}

// TestGet: nothing but the router itself is called, whatever it answers, and every answer has its bounds.
func TestGet(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	t.Setenv("HTTP_PROXY", elsewhere.URL)
	forever := func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 64<<10)); err != nil {
				return
			}
		}
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		err     string
	}{
		{"its answer", func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet || r.URL.String() != "/base/list?a=b" {
				t.Errorf("%s %s", r.Method, r.URL)
			}
			_, _ = io.WriteString(w, "fine")
		}, ""},
		{"a redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) }, "status 302"},
		{"it wants a password", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) }, "not open: it answers with status 401"},
		{"no end", forever, "too long"},
		{"a header without end", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", maxHeader)) }, "exceeded"},
		{"no answer", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "exceeded"},
		{"a body that hangs", func(w http.ResponseWriter, r *http.Request) {
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, "exceeded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			door := open(t, 500*time.Millisecond, "/base", tt.handler)
			err := door.Get(t.Context(), "/list?a=b", func(_ http.Header, body *Body) error {
				_, err := io.ReadAll(body)
				return err
			})
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v, want %q", err, tt.err)
			}
		})
	}
}

func TestBodyIsBounded(t *testing.T) {
	long := func(n int) *Body { return NewBody(strings.NewReader(strings.Repeat("x", n))) }
	if n, err := io.Copy(io.Discard, long(maxPiece)); n != maxPiece || !errors.Is(err, errLong) {
		t.Errorf("one piece: %d bytes, %v", n, err)
	}
	body := long(maxAnswer + 1)
	read := 0
	var err error
	for err == nil {
		body.Next()
		var n int
		n, err = body.Read(make([]byte, 32<<10))
		read += n
	}
	if read != maxAnswer || !errors.Is(err, errLong) {
		t.Errorf("piece by piece: %d bytes, %v", read, err)
	}
}

func TestJSON(t *testing.T) {
	big := strings.Repeat(`"x",`, maxPiece/4+1)
	for _, tt := range []struct {
		name, text string
		want       string
		err        string
	}{
		{"the field, among others", `{"a": [{"list": [9]}], "list": [1, 2], "b": {"c": null}}`, "12", ""},
		{"no such field", `{"a": 1}`, "", ""},
		{"others are long", `{"a": [` + big + `1], "list": [3]}`, "3", ""},
		{"not an object", `[1]`, "", "expected"},
		{"not a list", `{"list": 1}`, "", "expected"},
		{"cut off", `{"list": [1`, "", "EOF"},
		{"empty", ``, "", "EOF"},
		{"one value is too long", `{"list": ["` + strings.Repeat("x", 2*maxPiece) + `"]}`, "", "too long"},
		{"a name is too long", `{"` + strings.Repeat("x", 2*maxPiece) + `": 1}`, "", "too long"},
		{"nested too deep", `{"a": ` + strings.Repeat("[", 1000), "", "too deep"},
		{"nonsense", `<html>`, "", "invalid"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := ""
			answer := NewJSON(NewBody(strings.NewReader(tt.text)))
			err := answer.Object("list", func() error {
				return answer.List(func() error {
					var n int
					err := answer.Value(&n)
					got += string(rune('0' + n))
					return err
				})
			})
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) || err == nil && got != tt.want {
				t.Errorf("%q, error %v, want %q, %q", got, err, tt.want, tt.err)
			}
		})
	}
}
