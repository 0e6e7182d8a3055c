//go:build registries

package registries

import (
	"net/url"
	"slices"
	"strconv"
	"testing"
	"time"
)

// These tests check, against the real servers, the traps that the packages below registry avoid: if one fails,
// the server has changed, and with it what those packages rely on.

// long is how long nothing may change, where a server that does something does it within 4 s.
const long = 8 * time.Second

const nacosV1 = "/nacos/v1/ns/instance"

// nacosCase is a provider and a subscriber of one service at one server.
type nacosCase struct {
	base                 string // of the server's URLs
	app                  NacosApp
	provider, subscriber *NacosClient
}

func newNacosCase(t *testing.T, servers *Servers, version, service string) *nacosCase {
	t.Helper()
	c := &nacosCase{base: "http://" + servers.Nodes[0].Address}
	c.app = NacosApp{Version: version, Servers: servers.Addresses(), Service: service, Port: freePort()}
	c.subscriber = NacosClientForTest(t, c.app)
	c.register(t)
	if err := c.subscriber.Subscribe(t.Context()); err != nil {
		t.Fatal(err)
	}
	within(t, 20*time.Second, "the instance, selected", func() bool { return c.selected(t) })
	return c
}

// register starts a provider at the case's address.
func (c *nacosCase) register(t *testing.T) {
	t.Helper()
	c.provider = NacosClientForTest(t, c.app)
	if err := c.provider.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// form is the form of a request about the instance.
func (c *nacosCase) form(more ...string) url.Values {
	form := url.Values{"serviceName": {c.app.Service}, "groupName": {"DEFAULT_GROUP"}, "ip": {"127.0.0.1"},
		"port": {strconv.Itoa(c.app.Port)}, "ephemeral": {"true"}, "weight": {"1"}}
	for i := 0; i+1 < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	return form
}

func (c *nacosCase) selected(t *testing.T) bool {
	t.Helper()
	_, selected, err := c.subscriber.Instances(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return slices.ContainsFunc(selected, func(i NacosInstance) bool { return i.Port == c.app.Port })
}

// ok sends a request that the server must answer with ok.
func (c *nacosCase) ok(t *testing.T, method string, form url.Values) {
	t.Helper()
	if status, body := call(t, method, c.base+nacosV1+"?"+form.Encode()); status != 200 || body != "ok" {
		t.Fatalf("%s: %d %s", method, status, body)
	}
}

func TestNacos2(t *testing.T) {
	servers := ForTest(t, Nacos2(Nacos{}))

	for _, version := range []string{NacosClient24, NacosClient31} {
		t.Run("says ok to DELETE and to POST of a gRPC instance and does nothing/"+version, func(t *testing.T) {
			for method, form := range map[string][]string{"DELETE": nil, "POST": {"enabled", "false"}} {
				c := newNacosCase(t, servers, version, "grpc-"+method+version)
				c.ok(t, method, c.form(form...))
				always(t, long, method+" had an effect", func() bool { return c.selected(t) })
			}
		})
		t.Run("takes a gRPC instance out by PUT/"+version, func(t *testing.T) {
			c := newNacosCase(t, servers, version, "put"+version)
			c.ok(t, "PUT", c.form("enabled", "false"))
			within(t, long, "the instance out", func() bool { return !c.selected(t) })
			always(t, long, "it is back", func() bool { return !c.selected(t) })
		})
	}

	t.Run("puts an instance back on a beat", func(t *testing.T) {
		c := newNacosCase(t, servers, NacosClient14, "beat")
		c.ok(t, "DELETE", c.form())
		within(t, long, "the instance out", func() bool { return !c.selected(t) })
		t.Logf("back after %v", within(t, 20*time.Second, "the instance back", func() bool { return c.selected(t) }))
	})

	t.Run("starts the next instance at the address disabled", func(t *testing.T) {
		c := newNacosCase(t, servers, NacosClient24, "ghost")
		c.ok(t, "PUT", c.form("enabled", "false"))
		within(t, long, "the instance out", func() bool { return !c.selected(t) })
		c.provider.Kill()
		c.register(t)
		// What the PUT left is forgotten after a minute without an instance, but not while this one is there.
		always(t, 75*time.Second, "it was not disabled", func() bool { return !c.selected(t) })
		c.ok(t, "DELETE", c.form())
		always(t, long, "DELETE has cleared it", func() bool { return !c.selected(t) })
		c.ok(t, "PUT", c.form("enabled", "true"))
		within(t, long, "the instance, cleared", func() bool { return c.selected(t) })
	})

	t.Run("clears an address where nobody is registered", func(t *testing.T) {
		c := newNacosCase(t, servers, NacosClient24, "nobody")
		c.ok(t, "PUT", c.form("enabled", "false"))
		within(t, long, "the instance out", func() bool { return !c.selected(t) })
		c.provider.Kill()
		time.Sleep(time.Second)
		c.ok(t, "PUT", c.form("enabled", "true"))
		c.register(t)
		within(t, long, "the next instance", func() bool { return c.selected(t) })
	})

	t.Run("disables an instance of another cluster that comes later", func(t *testing.T) {
		c := newNacosCase(t, servers, NacosClient24, "cluster")
		c.ok(t, "PUT", c.form("enabled", "false", "clusterName", "other"))
		always(t, long, "the instance of the cluster DEFAULT was touched", func() bool { return c.selected(t) })
		c.app.Cluster = "other" // at the same address
		c.provider.Kill()
		within(t, 20*time.Second, "the first instance gone", func() bool { return !c.selected(t) })
		c.register(t)
		always(t, long, "the later instance was not disabled", func() bool { return !c.selected(t) })
	})
}

func TestNacos3RefusesTheOldWritePaths(t *testing.T) {
	servers := ForTest(t, Nacos3(Nacos{}))
	c := newNacosCase(t, servers, NacosClient31, "old")
	status, body := call(t, "PUT", c.base+nacosV1+"?"+c.form("enabled", "false").Encode())
	if status != 410 {
		t.Errorf("PUT: %d %s", status, body)
	}
	c.ok(t, "DELETE", c.form())
	always(t, long, "DELETE had an effect", func() bool { return c.selected(t) })
}
