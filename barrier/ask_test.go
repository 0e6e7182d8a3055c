package barrier

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

const healthy = `{"service": {"namespace": "zz", "name": "barrier-x"}, "localEndpoints": 2, "serviceProxyHealthy": true}`

func TestAsk(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		want   int
		err    string
	}{
		{"healthy", 200, healthy, 2, ""},
		{"none here", 503, strings.Replace(healthy, "2", "0", 1), 0, ""},
		{"proxy unhealthy, its count still holds", 503, healthy, 2, ""},
		{"another era's service", 200, strings.Replace(healthy, "-x", "-y", 1), 0, "another Service"},
		{"another namespace", 200, strings.Replace(healthy, "zz", "zy", 1), 0, "another Service"},
		{"no count", 200, `{"service": {"namespace": "zz", "name": "barrier-x"}}`, 0, "without localEndpoints"},
		{"Cilium", 200, `{"service":{"namespace":"zz","name":"barrier-x"},"localEndpoints":2}`, 0, "another proxy than kube-proxy"},
		{"a closed health check", 200, "", 0, "not kube-proxy's"},
		{"something else listens", 200, "<html>", 0, "not kube-proxy's"},
		{"another status", 404, healthy, 0, "status 404"},
		{"a redirect", 302, healthy, 0, "status 302"},
		{"endless", 200, healthy + strings.Repeat(" ", maxAnswer), 0, "more than"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Location", "/elsewhere")
				w.WriteHeader(tt.status)
				w.Write([]byte(tt.body))
			}))
			defer server.Close()
			at := netip.MustParseAddrPort(server.Listener.Addr().String())
			asker := NewHTTPAsker()
			defer asker.Close()
			got, err := asker.Ask(t.Context(), at.Addr(), Service{Namespace: "zz", Name: "barrier-x", Port: at.Port()})
			if got != tt.want || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %d, %v; want %d, %q", got, err, tt.want, tt.err)
			}
		})
	}
}

func TestAskNobody(t *testing.T) {
	asker := NewHTTPAsker()
	defer asker.Close()
	_, err := asker.Ask(t.Context(), netip.MustParseAddr("127.0.0.1"), Service{Port: 1})
	if err == nil || err.Error() != "no answer at 127.0.0.1:1: connection refused" {
		t.Errorf("error %v", err)
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add(200, []byte(healthy))
	f.Add(503, []byte(`{"service":{"namespace":"zz","name":"barrier-x"},"localEndpoints":1e3,"serviceProxyHealthy":false}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		_, err := parseAnswer(status, body, Service{Namespace: "zz", Name: "barrier-x"})
		if err == nil && !strings.Contains(strings.ToLower(string(body)), "localendpoints") {
			t.Errorf("a count was read from %q", body)
		}
	})
}
