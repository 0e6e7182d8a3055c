//go:build registries

package zookeeper_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/wire"
	"github.com/lameduck-dev/lameduck/registry/zookeeper"
	"github.com/lameduck-dev/lameduck/test/registries"
)

// TestDubbo has two Dubbo applications and a consumer, which use both of Dubbo's layouts.
func TestDubbo(t *testing.T) {
	servers := registries.ForTest(t, registries.ZooKeeper())
	holds(t, servers, registries.Dubbo3, "zookeeper layout=dubbo service=orders")
}

// holds is the contract: what a client can rely on.
func holds(t *testing.T, servers *registries.Servers, framework registries.Framework, text string) {
	ctx := t.Context()
	app := registries.App{Framework: framework, Servers: servers.Addresses(), Name: "orders", Properties: []string{"pod.name=other"}}
	text += " server=" + strings.Join(servers.Addresses(), ",")
	c := client(t, text)
	var none registry.Spec
	out := func() error { return c.Confirm(ctx, none) }
	in := func() error {
		found, err := c.Find(ctx)
		if err != nil || found.Out || !found.Record.IsZero() {
			return fmt.Errorf("found %+v, %w", found, errors.Join(err))
		}
		return contract.In(c.Confirm(ctx, none))
	}

	// Nobody has registered.
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) {
		t.Errorf("found: %v", err)
	}
	if err := errors.Join(c.Withdraw(ctx, none), out()); err != nil {
		t.Error(err)
	}

	// The pod and another one have registered, and consumers send to both.
	registries.AppForTest(t, app)
	app.Properties = []string{"pod.name=own"}
	own := registries.AppForTest(t, app)
	// They share their address, as host-network pods share their node's.
	text += " port=" + strconv.Itoa(own.Port)
	c, spec := client(t, text), contract.Spec(t, zookeeper.Kind, text)
	contract.Eventually(t, 30*time.Second, in)
	app.Name, app.Upstream, app.Properties = "shop", "orders", []string{"timeout=10000"} // Dubbo's own, 1 s, is short on a busy machine
	shop := registries.AppForTest(t, app)
	contract.Eventually(t, time.Minute, func() error {
		if last, err := shop.LastTo(ctx, "own", time.Second); err != nil || last == 0 {
			return fmt.Errorf("the consumer sends nothing to the pod: %w", errors.Join(err))
		}
		return nil
	})
	w := newWriter(t, servers.Addresses()[0])
	nodes := w.owned(t, "/", own.Port)
	if found, err := c.Find(ctx); err != nil || !strings.HasSuffix(found.Detail, fmt.Sprintf("nodes: %d", len(nodes))) {
		t.Fatalf("found %+v, %v, want %v", found, err, nodes)
	}

	// It is withdrawn.
	for range 2 { // withdrawing is idempotent
		if err := c.Withdraw(ctx, none); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	if err := out(); err != nil {
		t.Fatal(err)
	}
	t.Logf("confirmed by %d servers %v after it was withdrawn", len(servers.Nodes), time.Since(start))
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("found: %v", err)
	}
	consumerStops(t, shop, spec.Stale())
	if err := out(); err != nil {
		t.Errorf("it came back by itself: %v", err)
	}

	t.Run("it is taken out again", func(t *testing.T) { comesBack(t, spec, c, w, nodes) })
	t.Run("even after the servers restarted", func(t *testing.T) { outlasts(t, spec, c, servers) })

	// It is killed, and the next one comes: nothing was left behind.
	own.Kill()
	if err := own.Restart(ctx); err != nil {
		t.Fatal(err)
	}
	contract.Eventually(t, 30*time.Second, in)
}

// comesBack writes the pod's nodes again, as the application does after it lost its session.
func comesBack(t *testing.T, spec registry.Spec, c *zookeeper.Client, w writer, nodes map[string]string) {
	again := func() {
		for path, data := range nodes {
			w.createOwn(t, path, data, anyone)
		}
	}
	again()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var events []string
	registry.Leave(ctx, spec, c, 10*time.Second, func(e wire.Event) {
		events = append(events, e.Event)
		switch {
		case e.Event == wire.Out && len(events) == 3:
			again()
		case e.Event == wire.Out:
			cancel()
		}
	})
	if got, want := strings.Join(events, " "), "plan withdrawn out back withdrawn out"; got != want {
		t.Errorf("events %s, want %s", got, want)
	}
}

// outlasts restarts the servers, after which the application writes its nodes again by itself.
func outlasts(t *testing.T, spec registry.Spec, c *zookeeper.Client, servers *registries.Servers) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	go func() {
		for _, n := range servers.Nodes {
			if err := n.Restart(ctx); err != nil {
				t.Error(err)
			}
		}
	}()
	back, start := false, time.Now()
	registry.Leave(ctx, spec, c, 60*time.Second, func(e wire.Event) {
		t.Logf("%.1f s: %s %s", time.Since(start).Seconds(), e.Event, e.Detail)
		back = back || e.Event == wire.Back || e.Event == wire.Withdrawn
		if back && e.Event == wire.Out {
			time.AfterFunc(5*time.Second, cancel)
		}
	})
	if !back {
		t.Error("it did not come back, so this run shows nothing")
	}
	contract.Eventually(t, 5*time.Second, func() error { return c.Confirm(t.Context(), registry.Spec{}) })
}

// TestAccess has nodes that only one user may delete.
func TestAccess(t *testing.T) {
	servers := registries.ForTest(t, registries.ZooKeeper())
	text := "zookeeper service=orders server=" + servers.Addresses()[0]
	s := newWriter(t, servers.Addresses()[0])
	user := zk.DigestACL(zk.PermAll, "test", "test-password")
	readable := append(zk.WorldACL(zk.PermRead), user...)
	s.create(t, "/services", "", anyone)
	s.create(t, "/services/orders", "", readable)
	if err := s.AddAuth("digest", []byte("test:test-password")); err != nil {
		t.Fatal(err)
	}
	s.createOwn(t, "/services/orders/a", `{"address":"127.0.0.1","port":8080}`, readable)
	s.create(t, "/services/secret", "", user)

	t.Setenv("TEST_USER", "test")
	for _, test := range []struct{ name, password, service, more, want string }{
		{"nobody", "", "orders", "", "access denied: the access list does not let this user delete /services/orders/a"},
		{"wrong password", "wrong", "orders", " username-env=TEST_USER password-env=TEST_PASSWORD", "access denied: the access list does not let this user delete /services/orders/a"},
		{"may not even read", "wrong", "secret", " username-env=TEST_USER password-env=TEST_PASSWORD", "access denied: the access list does not let this user read /services/secret"},
		{"right password", "test-password", "orders", " username-env=TEST_USER password-env=TEST_PASSWORD", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("TEST_PASSWORD", test.password)
			c := client(t, strings.Replace(text, "orders", test.service, 1)+test.more)
			err := c.Withdraw(t.Context(), registry.Spec{})
			if test.want == "" {
				if err := errors.Join(err, c.Confirm(t.Context(), registry.Spec{})); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v, want %s", err, test.want)
			}
		})
	}
}

// TestNodesThatStay has the nodes that Dubbo writes with dynamic=false, and Curator for permanent
// services. They used to be deleted, and nobody wrote them again.
func TestNodesThatStay(t *testing.T) {
	servers := registries.ForTest(t, registries.ZooKeeper())
	for _, test := range []struct{ name, settings, folder, own, stays string }{
		{"spring", "service=orders", "/services/orders", "/services/orders/a", "/services/orders/b"},
		{"dubbo", "layout=dubbo service=orders", "/dubbo/shop.Orders/providers",
			"/dubbo/shop.Orders/providers/dubbo%3A%2F%2F127.0.0.1%3A8080%2Fshop.Orders",
			"/dubbo/shop.Orders/providers/dubbo%3A%2F%2F127.0.0.1%3A8080%2Fshop.Orders%3Fdynamic%3Dfalse"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := client(t, "zookeeper "+test.settings+" server="+servers.Addresses()[0])
			s := newWriter(t, servers.Addresses()[0])
			for at := range strings.SplitSeq(test.folder[1:], "/") {
				path := test.folder[:strings.Index(test.folder, at)+len(at)]
				s.create(t, path, "", anyone)
			}
			const instance = `{"address":"127.0.0.1","port":8080}`
			s.createOwn(t, test.own, instance, anyone)
			s.create(t, test.stays, instance, anyone)
			for range 2 {
				err := c.Withdraw(t.Context(), registry.Spec{})
				if err == nil || !strings.Contains(err.Error(), test.stays+" is not ephemeral") || strings.Contains(err.Error(), test.own+" is") {
					t.Errorf("withdrawn: %v", err)
				}
			}
			for path, want := range map[string]bool{test.own: false, test.stays: true} {
				if there, _, err := s.Exists(path); err != nil || there != want {
					t.Errorf("%s is there: %v, %v, want %v", path, there, err, want)
				}
			}
			if err := contract.In(c.Confirm(t.Context(), registry.Spec{})); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServersFail kills one member of three, and then another.
func TestServersFail(t *testing.T) {
	servers := registries.ForTest(t, registries.ZooKeepers(registries.ZooKeeperServer{Members: 3}))
	c := client(t, "zookeeper service=orders timeout=2s server="+strings.Join(servers.Addresses(), ","))
	s := newWriter(t, servers.Addresses()[2])
	for _, path := range []string{"/services", "/services/orders"} {
		s.create(t, path, "", anyone)
	}
	s.createOwn(t, "/services/orders/a", `{"address":"127.0.0.1","port":8080}`, anyone)
	if _, err := c.Find(t.Context()); err != nil {
		t.Fatal(err)
	}

	servers.Nodes[0].Kill()
	contract.Eventually(t, 20*time.Second, func() error { return c.Withdraw(t.Context(), registry.Spec{}) })
	err := c.Confirm(t.Context(), registry.Spec{})
	if err == nil || !strings.Contains(err.Error(), servers.Nodes[0].Address) || strings.Contains(err.Error(), servers.Nodes[2].Address) {
		t.Errorf("with one of three down: %v", err)
	}
	servers.Nodes[1].Kill()
	contract.Eventually(t, 20*time.Second, func() error {
		_, err := client(t, "zookeeper service=orders timeout=2s server="+servers.Nodes[2].Address).Find(t.Context())
		if err == nil || !strings.Contains(err.Error(), "it has no quorum") {
			return fmt.Errorf("without a quorum: %w", errors.Join(err))
		}
		return nil
	})
}

func TestTLS(t *testing.T) {
	keys := httptest.NewUnstartedServer(nil) // its certificate is for 127.0.0.1
	keys.StartTLS()
	defer keys.Close()
	pair := keys.TLS.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: pair.Certificate[0]})
	write := func(name string, text []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	ca := write("ca.pem", certificate)
	both := write("server.pem", append(certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})...))
	server := registries.ForTest(t, registries.ZooKeepers(registries.ZooKeeperServer{KeyFile: both})).Addresses()[0]
	for settings, want := range map[string]string{
		"server=" + server + " ca-file=" + ca: "no such service",
		"server=tls://" + server:              "signed by an authority that is not known here: give that one's certificate by ca-file=",
		"server=" + server + " timeout=2s":    "speaks TLS (tls://HOST:PORT)",
	} {
		_, err := client(t, "zookeeper service=orders "+settings).Find(t.Context())
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", settings, err, want)
		}
	}
}
