package envoy

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

func TestFind(t *testing.T) {
	for _, tt := range []struct {
		name  string
		image string
		port  corev1.ContainerPort
		want  string
	}{
		{"its admin port", "envoyproxy/envoy:v1.36", corev1.ContainerPort{Name: "admin", ContainerPort: 9901}, "envoy:9901"},
		{"another port", "envoyproxy/envoy:v1.36", corev1.ContainerPort{Name: "metrics", ContainerPort: 8002}, ""},
		{"another program", "example/app", corev1.ContainerPort{Name: "admin", ContainerPort: 9901}, ""},
		{"no port", "envoy", corev1.ContainerPort{Name: "admin", ContainerPort: 70000}, ""},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: tt.image, Ports: []corev1.ContainerPort{tt.port}}}}}
		if api, found := (Kind{}).Find(pod); found != (tt.want != "") || found && api.String() != tt.want {
			t.Errorf("%s: %v, %s", tt.name, found, api)
		}
	}
}

// answer has what Envoy 1.36 answers, shortened.
const answer = `{"cluster_statuses": [{"name": "empty"}, {"name": "app", "observability_name": "app", "host_statuses": [
{"address": {"socket_address": {"address": "10.0.0.1", "port_value": 80}}, "stats": [{"name": "cx_total"}, {"type": "GAUGE", "name": "rq_active", "value": "3"}], "health_status": {"eds_health_status": "HEALTHY"}, "weight": 1},
{"address": {"socket_address": {"address": "10.0.0.2", "port_value": 80}}, "health_status": {"eds_health_status": "DRAINING"}},
{"address": {"socket_address": {"address": "fd00::3", "port_value": 80}}, "health_status": {"eds_health_status": "UNHEALTHY"}},
{"address": {"socket_address": {"address": "10.0.0.4", "port_value": 80}}, "health_status": {"eds_health_status": "HEALTHY", "failed_active_health_check": true}},
{"address": {"socket_address": {"address": "10.0.0.5", "port_value": 80}}, "health_status": {"failed_outlier_check": true}},
{"address": {"socket_address": {"address": "10.0.0.6", "port_value": 80}}},
{"address": {"pipe": {"path": "/var/run/x"}}},
{"address": {"envoy_internal_address": {"server_listener_name": "x"}}}],
"circuit_breakers": {"thresholds": [{"max_connections": 1024}]}},
{"name": "other", "host_statuses": [{"address": {"socket_address": {"address": "10.0.0.2", "port_value": 81}}, "health_status": {"eds_health_status": "HEALTHY"}}]}]}`

func TestRead(t *testing.T) {
	found := &router.Addresses{}
	if err := read(router.NewBody(strings.NewReader(answer)), found); err != nil || !found.Named { // one cluster is empty
		t.Fatalf("%v, named %v", err, found.Named)
	}
	for ip, want := range map[string]router.Use{
		"10.0.0.1": router.Sends, "10.0.0.2": router.Sends, "10.0.0.6": router.Sends,
		"fd00::3": router.Bound, "10.0.0.4": router.Bound, "10.0.0.5": router.Bound, "10.0.0.9": router.Gone,
	} {
		if got := found.Of([]netip.Addr{netip.MustParseAddr(ip)}); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
}

// TestNames: hosts by DNS are listed by their addresses, and an empty cluster may get some by DNS.
func TestNames(t *testing.T) {
	plain := &router.Addresses{}
	if err := read(router.NewBody(strings.NewReader(strings.Replace(answer, `{"name": "empty"}, `, "", 1))), plain); err != nil || plain.Named {
		t.Errorf("hosts of a control plane: named %v, %v", plain.Named, err)
	}
	for name, text := range map[string]string{
		"a host of a name": `{"cluster_statuses": [{"name": "app", "host_statuses": [{"address": {"socket_address": {"address": "10.0.0.1"}}, "hostname": "app.shop.svc"}]}]}`,
		"no host yet":      `{"cluster_statuses": [{"name": "app"}]}`,
	} {
		found := &router.Addresses{}
		if err := read(router.NewBody(strings.NewReader(text)), found); err != nil || !found.Named {
			t.Errorf("%s: named %v, %v", name, found.Named, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(answer)
	f.Fuzz(func(_ *testing.T, text string) {
		_ = read(router.NewBody(strings.NewReader(text)), &router.Addresses{})
	})
}
