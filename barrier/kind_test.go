package barrier

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
)

const healthy = `{"service": {"namespace": "zz", "name": "kind-x"}, "localEndpoints": 0, "serviceProxyHealthy": true}`

func TestIdentify(t *testing.T) {
	tests := []struct {
		name   string
		status int
		body   string
		err    string
	}{
		{"kube-proxy, no endpoint here", 503, healthy, ""},
		{"some here", 200, healthy, ""},
		{"another era's service", 503, strings.Replace(healthy, "-x", "-y", 1), "another Service"},
		{"another namespace", 503, strings.Replace(healthy, "zz", "zy", 1), "another Service"},
		{"Cilium", 503, `{"service":{"namespace":"zz","name":"kind-x"},"localEndpoints":0}`, "another proxy than kube-proxy"},
		{"a closed health check", 200, "", "not kube-proxy's"},
		{"something else listens", 200, "<html>", "not kube-proxy's"},
		{"another status", 404, healthy, "status 404"},
		{"a redirect", 302, healthy, "status 302"},
		{"endless", 200, healthy + strings.Repeat(" ", maxAnswer), "more than"},
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
			err := NewHealthPorts().Identify(t.Context(), at.Addr(), Service{Namespace: "zz", Kind: "kind-x", KindPort: at.Port()})
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("got %v; want %q", err, tt.err)
			}
		})
	}
}

func TestIdentifyNobody(t *testing.T) {
	err := NewHealthPorts().Identify(t.Context(), netip.MustParseAddr("127.0.0.1"), Service{KindPort: 1})
	if err == nil || err.Error() != "no answer from kube-proxy at 127.0.0.1:1: connection refused" {
		t.Errorf("error %v", err)
	}
}

func FuzzJudgeAnswer(f *testing.F) {
	f.Add(200, []byte(healthy))
	f.Add(503, []byte(`{"service":{"namespace":"zz","name":"kind-x"},"localEndpoints":1e3,"serviceProxyHealthy":false}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		err := judgeAnswer(status, body, Service{Namespace: "zz", Kind: "kind-x"})
		if err == nil && !strings.Contains(strings.ToLower(string(body)), "serviceproxyhealthy") {
			t.Errorf("%q was taken for kube-proxy's", body)
		}
	})
}
