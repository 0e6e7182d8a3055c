package router

import (
	"net/netip"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
)

func TestParseAPI(t *testing.T) {
	for text, want := range map[string]API{
		"traefik:8080":                           {"traefik", 8080, ""},
		"haproxy:8404/stats":                     {"haproxy", 8404, "/stats"},
		"haproxy:8404/a/b-c/":                    {"haproxy", 8404, "/a/b-c"},
		"envoy:9901/":                            {"envoy", 9901, ""},
		"none":                                   {},
		"":                                       {},
		"traefik":                                {},
		"traefik:0":                              {},
		"traefik:65536":                          {},
		"traefik:-1":                             {},
		"traefik:http":                           {},
		"Traefik:8080":                           {},
		":8080":                                  {},
		"traefik:8080,":                          {},
		"traefik:10.0.0.1:80":                    {},
		"traefik:80@10.0.0.1":                    {},
		"traefik:80//10.0.0.1":                   {},
		"traefik:80/a?b=c":                       {},
		"traefik:80/a#b":                         {},
		"traefik:80/%2e%2e":                      {},
		"traefik:80/a\r\nb":                      {},
		"traefik:80/" + strings.Repeat("a", 200): {},
	} {
		got, err := ParseAPI(text)
		if got != want || (err == nil) != (want != API{}) {
			t.Errorf("%q: %+v, %v, want %+v", text, got, err, want)
		}
	}
}

func FuzzParseAPI(f *testing.F) {
	f.Add("traefik:8080")
	f.Add("haproxy:8404/stats")
	f.Fuzz(func(t *testing.T, text string) {
		api, err := ParseAPI(text)
		if err != nil {
			return
		}
		if again, err := ParseAPI(api.String()); err != nil || again != api {
			t.Errorf("%q is %+v, and that is %+v, %v", text, api, again, err)
		}
	})
}

func TestAddresses(t *testing.T) {
	var a Addresses
	for _, one := range []struct {
		server string
		use    Use
	}{{"10.0.0.1:80", Bound}, {"10.0.0.1:81", Sends}, {"10.0.0.1:82", Gone}, {"10.0.0.2:80", Bound}, {"10.0.0.3:80", Gone}, {"[fd00::1]:80", Sends}, {"fd00::2", Sends}, {"[::ffff:10.0.0.9]:80", Sends}} {
		if err := a.Add(one.server, one.use); err != nil {
			t.Error(err)
		}
	}
	if a.Named {
		t.Error("an address is taken for a name")
	}
	for ip, want := range map[string]Use{"10.0.0.1": Sends, "10.0.0.2": Bound, "10.0.0.3": Gone, "10.0.0.4": Gone, "fd00::1": Sends, "fd00::2": Sends, "10.0.0.9": Sends} {
		if got := a.Of([]netip.Addr{netip.MustParseAddr(ip)}); got != want {
			t.Errorf("%s: %v, want %v", ip, got, want)
		}
	}
	if got := a.Of([]netip.Addr{netip.MustParseAddr("10.0.0.3"), netip.MustParseAddr("fd00::1")}); got != Sends {
		t.Errorf("a pod with two addresses: %v", got)
	}
	if err := a.Add("cart.shop.svc:80", Sends); err != nil || !a.Named {
		t.Errorf("a name: %v, %v", a.Named, err)
	}
}

func TestAddressesAreBounded(t *testing.T) {
	var a Addresses
	var err error
	for i := range maxAddresses + 1 {
		if err != nil {
			t.Fatal(err)
		}
		err = a.Add(netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}).String(), Sends)
	}
	if err == nil {
		t.Errorf("%d addresses are kept", maxAddresses+1)
	}
	if err := a.Add("10.0.0.0", Sends); err != nil {
		t.Errorf("one that is known: %v", err)
	}
}

func TestContainers(t *testing.T) {
	for _, tt := range []struct {
		name, image string
		want        bool
	}{
		{"traefik", "x", true}, {"main", "docker.example:443/library/traefik:v3.7@sha256:ab", true}, {"main", "traefik", true},
		{"main", "example/nottraefik:1", false}, {"main", "traefik/whoami", false},
	} {
		pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "log"}, {Name: tt.name, Image: tt.image}}}}
		if got := len(Containers(pod, "traefik")) == 1; got != tt.want {
			t.Errorf("%s of %s: %v", tt.name, tt.image, got)
		}
	}
}
