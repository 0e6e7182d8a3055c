package zookeeper

import (
	"errors"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
)

// client is that of a pod that has all of this machine's addresses.
func client(t testing.TB, text string) *Client {
	t.Helper()
	ips, err := registry.OwnIPs()
	if err != nil {
		t.Fatal(err)
	}
	return contract.OpenFor[*Client](t, Kind, text, registry.Pod{Host: contract.Host, IPs: append(ips, contract.Loopback)})
}

func TestServers(t *testing.T) {
	for _, test := range []struct {
		settings, chroot string
		secure           bool
		want             []string
	}{
		{"server=a", "", false, []string{"a:2181"}},
		{"server=a:1,b:2,c", "", false, []string{"a:1", "b:2", "c:2181"}},
		{"server=a:1,b:2/prod/eu", "/prod/eu", false, []string{"a:1", "b:2"}},
		{"server=zookeeper://a:1?backup=b:2,c:3", "", false, []string{"a:1", "b:2", "c:3"}},
		{"server=zookeeper://a:1?timeout=5", "", false, []string{"a:1"}},
		{"server=tls://a:1,tls://b:2", "", true, []string{"a:1", "b:2"}},
		{"server=[fd00::1]:1,[fd00::2]", "", false, []string{"[fd00::1]:1", "[fd00::2]:2181"}},
	} {
		c := client(t, "zookeeper service=orders "+test.settings)
		if !slices.Equal(c.servers, test.want) || c.chroot != test.chroot || (c.tls != nil) != test.secure {
			t.Errorf("%s: %+v", test.settings, c)
		}
	}
	contract.Refused(t, Kind, map[string]string{
		"zookeeper service=orders server=a ca-file=/none":             "ca-file",
		"zookeeper service=orders server=a cert-file=/none":           "cert-file and key-file go together",
		"zookeeper service=orders server=zookeeper://user:secret@a:1": "credentials do not go in it",
		"zookeeper service=orders":                                    "no server is given",
		"zookeeper service=orders server=a layout=kafka":              "it is spring or dubbo",
	})
}

func TestPick(t *testing.T) {
	all := []node{
		{path: "a", address: "10.0.0.3", port: 1}, {path: "b", address: "10.0.0.3", port: 1},
		{path: "c", address: "10.0.0.3", port: 2}, {path: "d", address: "10.0.0.4", port: 1},
		{path: "e", address: "orders-0", port: 3},
	}
	for _, test := range []struct {
		name, settings string
		pod            string
		ports          []uint16
		host           string
		want           string
	}{
		{"all on its port", "", "10.0.0.3", []uint16{1}, "", "ab"},
		{"on several ports of its own", "", "10.0.0.3", []uint16{1, 2, 9}, "", "abc"},
		{"the one that is named", " port=2", "10.0.0.3", []uint16{1}, "", "c"},
		{"on one port, whatever is declared", "", "10.0.0.4", []uint16{9}, "", "d"},
		{"but not if another is named", " port=9", "10.0.0.4", nil, "", "not registered"},
		{"on several ports, none of them known", "", "10.0.0.3", nil, "", "say which by port="},
		{"by its name", "", "10.0.0.9", nil, "Orders-0", "e"},
		{"another's", "", "10.0.0.9", nil, "", "10.0.0.9 is none of the instances of orders: 10.0.0.3:1"},
	} {
		spec, err := registry.Kinds{Kind}.ParseSpec("zookeeper service=orders server=a" + test.settings)
		if err != nil {
			t.Fatal(err)
		}
		c, err := New(spec, registry.Pod{IPs: []netip.Addr{netip.MustParseAddr(test.pod)}, Ports: test.ports})
		if err != nil {
			t.Fatal(err)
		}
		if c.host = test.host; spec.Port() != 0 {
			c.pod.Ports = []uint16{spec.Port()}
		}
		got := ""
		own, err := c.pick(all)
		for _, n := range own {
			got += n.path
		}
		if err != nil {
			got = err.Error()
		}
		if err == nil && got != test.want || !strings.Contains(got, test.want) {
			t.Errorf("%s: %s, want %s", test.name, got, test.want)
		}
		if err != nil {
			continue
		}
		// With these gone, nobody else's are taken for them.
		left := slices.DeleteFunc(slices.Clone(all), func(n node) bool { return strings.Contains(test.want, n.path) })
		if own, err := c.pick(left); !errors.Is(err, registry.ErrNotFound) {
			t.Errorf("%s: then %+v, %v", test.name, own, err)
		}
	}
}
