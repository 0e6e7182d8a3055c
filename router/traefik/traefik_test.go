package traefik

import (
	"net/netip"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

func TestFind(t *testing.T) {
	env := func(pairs ...string) (all []corev1.EnvVar) {
		for i := 0; i < len(pairs); i += 2 {
			all = append(all, corev1.EnvVar{Name: pairs[i], Value: pairs[i+1]})
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		image string
		args  []string
		env   []corev1.EnvVar
		want  string
	}{
		{"open, at its default", "traefik:v3.7", []string{"--api.insecure=true"}, nil, "traefik:8080"},
		{"a flag alone", "traefik", []string{"--api.insecure"}, nil, "traefik:8080"},
		{"in another case, with an address", "example:443/traefik/traefik:v3", []string{"--API.Insecure=true", "--entryPoints.traefik.address=:9000/tcp"}, nil, "traefik:9000"},
		{"an address with a host", "traefik", []string{"--api.insecure", "--entrypoints.traefik.address=0.0.0.0:9000"}, nil, "traefik:9000"},
		{"a base path", "traefik", []string{"--api.insecure", "--api.basepath=/traefik/"}, nil, "traefik:8080/traefik"},
		{"by its environment", "traefik", nil, env("TRAEFIK_API_INSECURE", "true", "TRAEFIK_ENTRYPOINTS_TRAEFIK_ADDRESS", ":8888"), "traefik:8888"},
		{"the last one counts", "traefik", []string{"--api.insecure=true", "--api.insecure=false"}, nil, ""},
		{"no API", "traefik", []string{"--entrypoints.web.address=:8000"}, nil, ""},
		{"a dashboard behind a router of its own", "traefik", []string{"--api.dashboard=true"}, nil, ""},
		{"on its own loopback", "traefik", []string{"--api.insecure", "--entrypoints.traefik.address=127.0.0.1:8080"}, nil, ""},
		{"on its own loopback, IPv6", "traefik", []string{"--api.insecure", "--entrypoints.traefik.address=[::1]:8080"}, nil, ""},
		{"no port", "traefik", []string{"--api.insecure", "--entrypoints.traefik.address=:http"}, nil, ""},
		{"a path that is none", "traefik", []string{"--api.insecure", "--api.basepath=/?x=http://10.0.0.1"}, nil, ""},
		{"another program", "example/app", []string{"--api.insecure=true"}, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "log"}, {Name: "main", Image: tt.image, Args: tt.args, Env: tt.env}}}}
			api, found := Kind{}.Find(pod)
			if found != (tt.want != "") || found && api.String() != tt.want {
				t.Errorf("%v, %s, want %q", found, api, tt.want)
			}
		})
	}
}

// answer has what Traefik 3.7 answers, shortened.
const answer = `[
{"status":"enabled","usedBy":["api@internal"],"name":"api@internal","provider":"internal"},
{"loadBalancer":{"servers":[{"url":"http://10.0.0.1:8080"},{"url":"http://10.0.0.2:8080","fenced":true},{"url":"http://[fd00::1]:80"}],"strategy":"wrr","passHostHeader":true},"status":"enabled","serverStatus":{"http://10.0.0.1:8080":"UP"},"name":"a@kubernetes","provider":"kubernetes","type":"loadbalancer"},
{"loadBalancer":{"sticky":{"cookie":{"name":"x"}},"servers":[{"url":"http://10.0.0.3:8080","fenced":true},{"url":"https://10.0.0.4:8443/base"}]},"name":"b@kubernetes"},
{"loadBalancer":{"servers":[{"address":"10.0.0.5:80"}]},"name":"tcp@kubernetes"},
{"weighted":{"services":[{"name":"a","weight":1}]},"name":"c@kubernetes"}]`

func TestRead(t *testing.T) {
	found := &router.Addresses{}
	if err := read(router.NewBody(strings.NewReader(answer)), found); err != nil || found.Named {
		t.Fatalf("%v, named %v", err, found.Named)
	}
	for ip, want := range map[string]router.Use{
		"10.0.0.1": router.Sends, "fd00::1": router.Sends, "10.0.0.4": router.Sends, "10.0.0.5": router.Sends,
		"10.0.0.2": router.Gone, "10.0.0.3": router.Bound, "10.0.0.9": router.Gone,
	} {
		if got := found.Of([]netip.Addr{netip.MustParseAddr(ip)}); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	if err := read(router.NewBody(strings.NewReader(`[{"loadBalancer":{"servers":[{"url":"http://cart.shop:80"}]}}]`)), found); err != nil || !found.Named {
		t.Errorf("a name: %v, %v", found.Named, err)
	}
}

// TestManyServers: what one piece of an answer takes in memory is a few times its size, whatever it holds.
func TestManyServers(t *testing.T) {
	text := `[{"loadBalancer":{"servers":[{}` + strings.Repeat(",{}", 300_000) + `]}}]`
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	heap := func() uint64 {
		var now runtime.MemStats
		runtime.ReadMemStats(&now)
		return now.HeapAlloc
	}
	before, most, done := heap(), uint64(0), make(chan error)
	go func() { done <- read(router.NewBody(strings.NewReader(text)), &router.Addresses{}) }()
	for {
		select {
		case err := <-done:
			if err != nil || most-before > 12*uint64(len(text)) {
				t.Errorf("%d bytes for %d, %v", most-before, len(text), err)
			}
			return
		case <-time.After(time.Millisecond):
			most = max(most, before, heap())
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(answer)
	f.Add(`[{"loadBalancer":{"servers":[{"url":"http://[::1"}]}}]`)
	f.Fuzz(func(_ *testing.T, text string) {
		_ = read(router.NewBody(strings.NewReader(text)), &router.Addresses{})
	})
}
