package etcd

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestNew(t *testing.T) {
	contract.Refused(t, Kind, map[string]string{
		"etcd server=e:2379 layout=kratos":                           "write service=",
		"etcd server=e:2379 service=orders":                          "layout=kratos or layout=kitex",
		"etcd server=e:2379 service=orders layout=zoo":               "layout=kratos or layout=kitex",
		"etcd service=orders layout=kitex":                           "no server is given",
		"etcd server=e:2379 service=orders layout=kitex cert-file=x": "cert-file and key-file go together",
	})
}

func TestLayouts(t *testing.T) {
	pod := func(ports ...uint16) registry.Pod {
		return registry.Pod{IPs: []netip.Addr{netip.MustParseAddr("10.0.0.3")}, Ports: ports}
	}
	const both = `{"id":"a","name":"orders","endpoints":["grpc://10.0.0.3:9000?isSecure=false","http://10.0.0.3:8000"]}`
	for _, test := range []struct {
		name, layout, value string
		pod                 registry.Pod
		want                string // empty: it is none
	}{
		{"kratos, no port known", "kratos", both, pod(), "10.0.0.3:9000"},
		{"kratos, by port", "kratos", both, pod(8000), "10.0.0.3:8000"},
		{"kratos, no port of these", "kratos", both, pod(1), "10.0.0.3:9000"},
		{"kratos, one endpoint that is nowhere", "kratos", `{"name":"orders","endpoints":["::","unix:///x","http://h:0","http://10.0.0.3:8000"]}`, pod(), "10.0.0.3:8000"},
		{"kratos, of another service", "kratos", strings.Replace(both, "orders", "order", 1), pod(), ""},
		{"kratos, no endpoint", "kratos", `{"name":"orders"}`, pod(), ""},
		{"kratos, no JSON", "kratos", `10.0.0.3:8000`, pod(), ""},
		{"kratos, IPv6", "kratos", `{"name":"orders","endpoints":["http://[fd00::3]:8000"]}`, pod(), "[fd00::3]:8000"},
		{"kitex", "kitex", `{"network":"tcp","address":"10.0.0.3:8888","weight":10,"tags":null}`, pod(), "10.0.0.3:8888"},
		{"kitex, no address", "kitex", `{"network":"unix","address":"/run/x"}`, pod(), ""},
		{"kitex, null", "kitex", `null`, pod(), ""},
	} {
		got := ""
		if one, ok := layouts[test.layout].parse(pair{value: []byte(test.value)}, "orders"); ok {
			got = registry.Address(one.at(test.pod))
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestFolder(t *testing.T) {
	for text, want := range map[string]string{
		"layout=kratos":                 "/microservices/orders/",
		"layout=kitex":                  "kitex/registry-etcd/orders/",
		"layout=kratos prefix=/shop/eu": "/shop/eu/orders/",
		"layout=kitex prefix=shop/":     "shop//orders/",
	} {
		if got := contract.Open[*Client](t, Kind, "etcd server=e:2379 service=orders "+text).folder(); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// TestRevision: a delete without a revision would compare with 0, which is that of no key, and
// one with another text could be anything.
func TestRevision(t *testing.T) {
	c := contract.Open[*Client](t, Kind, "etcd server=127.0.0.1:1 service=orders layout=kratos")
	for _, revision := range []string{"", "0", "-1", "1.5", `1","x":"`} {
		err := c.delete(t.Context(), c.members[0], pair{key: "/a", revision: revision})
		if err == nil || !strings.Contains(err.Error(), "nothing was deleted") {
			t.Errorf("%q: %v", revision, err)
		}
	}
}

func FuzzAnswers(f *testing.F) {
	f.Add(200, []byte(`{"header":{"revision":"2"},"kvs":[{"key":"L20vby8x","mod_revision":"2","value":"e30="}],"count":"1"}`))
	f.Add(400, []byte(`{"code":3,"message":"etcdserver: user name is empty"}`))
	f.Add(401, []byte(`{"error":"etcdserver: invalid auth token","code":16,"message":"etcdserver: invalid auth token"}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		answer := web.Answer{Status: status, Body: body}
		if got, err := parse(answer); err == nil && (status != 200 || got.Header == nil) {
			t.Errorf("taken for an answer: %d %q", status, body)
		}
		if said := says(answer); said != (failure{}) && status < 400 {
			t.Errorf("taken for a failure: %d %q", status, body)
		}
	})
}

func FuzzLayouts(f *testing.F) {
	f.Add([]byte(`{"name":"orders","endpoints":["http://10.0.0.3:8000"]}`))
	f.Add([]byte(`{"address":"10.0.0.3:8888"}`))
	f.Fuzz(func(t *testing.T, value []byte) {
		for _, layout := range layouts {
			one, ok := layout.parse(pair{value: value}, "orders")
			if !ok {
				continue
			}
			if ip, port := one.at(registry.Pod{}); port <= 0 || port > 65535 {
				t.Errorf("%s of %q: %s %s", layout.name, value, ip, strconv.Itoa(port))
			}
		}
	})
}
