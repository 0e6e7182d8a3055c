package verify

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"testing"
)

// TestRouterHints plays what the real routers answered; test/routers records it.
func TestRouterHints(t *testing.T) {
	text, err := os.ReadFile("testdata/routers.json")
	if err != nil {
		t.Fatal(err)
	}
	var answers []struct {
		Router, Cause, Body, Hint string
		Status                    int
		PassedOn                  bool
	}
	if err := json.Unmarshal(text, &answers); err != nil {
		t.Fatal(err)
	}
	hints := map[string]string{}
	for _, a := range answers {
		if a.Status < http.StatusBadRequest {
			continue // it was cut in the middle: nothing is answered
		}
		header := http.Header{}
		if a.PassedOn {
			header.Set(PassedOn, "1")
		}
		hint := RouterHint(a.Status, header, []byte(a.Body))
		if hint != a.Hint || hint != "" && !strings.HasPrefix(hint, a.Router+": ") {
			t.Errorf("%s, when the pod %s: %q, want %q", a.Router, a.Cause, hint, a.Hint)
		}
		hints[a.Router+" "+a.Cause] = hint
	}
	for _, router := range []string{"envoy", "haproxy", "nginx", "traefik"} {
		for _, cause := range []string{"refuses", "resets", "closes", "silent", "ignores", "none"} {
			if hint := hints[router+" "+cause]; hint == "" || cause == "none" && !strings.HasSuffix(hint, noPod) || cause != "none" && knewNoPod(hint) {
				t.Errorf("%s, when the pod %s: %q", router, cause, hint)
			}
		}
		if hint := hints[router+" fails"]; hint != "" && router != "envoy" {
			t.Errorf("%s, when the pod itself answers with 503: %q", router, hint)
		}
	}
}

// TestHintOfAGoProxy: httputil.ReverseProxy answers without a word.
func TestHintOfAGoProxy(t *testing.T) {
	gone := httptest.NewServer(nil)
	target, _ := url.Parse(gone.URL)
	gone.Close()
	recorder := httptest.NewRecorder()
	httputil.NewSingleHostReverseProxy(target).ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/", nil))
	if hint := RouterHint(recorder.Code, recorder.Header(), recorder.Body.Bytes()); hint != "a proxy in Go: the pod refused or ended the connection" {
		t.Errorf("%d %q: %q", recorder.Code, recorder.Body, hint)
	}
}
