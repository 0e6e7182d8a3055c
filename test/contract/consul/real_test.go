//go:build registries && nightly

package consul_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/consul"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/wire"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against the real server, with a Spring Boot application.
func TestReal(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			servers := registries.ForTest(t, registries.Consul(registries.ConsulServer{Agents: set.agents, ACL: set.acl}))
			agent := servers.Addresses()[set.agents-1]
			app := registries.App{Framework: registries.Boot3Consul, Servers: []string{agent}, Login: servers.Login, Name: "orders",
				Properties: []string{"spring.cloud.consul.discovery.instance-id=" + id}}
			var own *registries.RunningApp
			holds(t, contract.Live(t, set.name, *record, servers.Addresses()...), set, world{
				start:      func() error { own = registries.AppForTest(t, app); return nil },
				kill:       func() error { own.Kill(); return nil },
				stop:       func() error { own.Stop(); return nil },
				startOther: func() error { return register(t, agent, servers.Login) },
			})
		})
	}
}

// register registers another pod's instance, as any client does.
func register(t *testing.T, agent string, login *registries.Login) error {
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, "http://"+agent+"/v1/agent/service/register",
		strings.NewReader(`{"ID":"orders-1","Name":"orders","Address":"127.0.0.2","Port":7001}`))
	if err != nil {
		return err
	}
	if login != nil {
		request.Header.Set("X-Consul-Token", login.Password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return errors.New(response.Status)
	}
	return nil
}

// TestSpringConsumer shows what a consumer with Spring Cloud's client, at its defaults, does with
// an instance in maintenance, and with a deregistered one; and that the provider stops as it should
// after somebody else deregistered it.
func TestSpringConsumer(t *testing.T) {
	servers := registries.ForTest(t, registries.Consul(registries.ConsulServer{}))
	app := registries.App{Framework: registries.Boot3Consul, Servers: servers.Addresses(), Name: "orders"}
	provider := registries.AppForTest(t, app)
	registries.AppForTest(t, app) // another provider for the consumer to go on with
	app.Name, app.Upstream = "shop", app.Name
	consumer := registries.AppForTest(t, app)
	defer http.DefaultClient.CloseIdleConnections()

	// last returns when the consumer last sent to the provider.
	last := func(watched time.Duration) time.Duration {
		at, err := consumer.LastTo(t.Context(), fmt.Sprintf("orders-%d", provider.Port), watched)
		if err != nil {
			t.Error(err)
		}
		return at
	}
	text := fmt.Sprintf("consul service=orders port=%d server=%s", provider.Port, servers.Addresses()[0])
	if last(10*time.Second) == 0 {
		t.Fatal("the consumer does not know the provider")
	}
	maintained := contract.Open[*consul.Client](t, consul.Kind, text+" by=maintenance")
	found, err := maintained.Find(t.Context())
	if err := errors.Join(err, maintained.Withdraw(t.Context(), found.Record)); err != nil {
		t.Fatal(err)
	}
	const watched, cached = 50 * time.Second, 40 * time.Second
	at := last(watched)
	t.Logf("in maintenance: got requests until %v of %v", at, watched)
	if at < cached {
		t.Errorf("the consumer stopped after %v: say so in the docs", at)
	}
	if err := errors.Join(maintained.Restore(t.Context(), found.Record), contract.Open[*consul.Client](t, consul.Kind, text).Withdraw(t.Context(), registry.Spec{})); err != nil {
		t.Fatal(err)
	}
	at = last(watched)
	t.Logf("deregistered: got requests until %v of %v", at, watched)
	if at > cached {
		t.Errorf("the consumer still sent after %v", at)
	}
	start := time.Now()
	provider.Stop()
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("the provider took %v to stop", took)
	}
}

// TestRights uses a token that may do everything but read nodes: Consul answers it, with 200, that
// there is no instance.
func TestRights(t *testing.T) {
	servers := registries.ForTest(t, registries.Consul(registries.ConsulServer{ACL: true, Rules: `service_prefix "orders" { policy = "write" }`}))
	if err := register(t, servers.Addresses()[0], servers.Login); err != nil {
		t.Fatal(err)
	}
	t.Setenv("TEST_TOKEN", servers.Login.Password)
	c := contract.Open[*consul.Client](t, consul.Kind, "consul service=orders ip=127.0.0.2 token-env=TEST_TOKEN server="+servers.Addresses()[0])
	if _, err := c.Find(t.Context()); err != nil {
		t.Error(err)
	}
	err := c.Confirm(t.Context(), registry.Spec{})
	t.Log(err)
	if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "node:read") {
		t.Errorf("confirmed without the right to see it: %v", err)
	}
}

// TestHeartbeats has an application that registers again when its heartbeat fails, which a
// deregistration causes.
func TestHeartbeats(t *testing.T) {
	servers := registries.ForTest(t, registries.Consul(registries.ConsulServer{}))
	registries.AppForTest(t, registries.App{Framework: registries.Boot3Consul, Servers: servers.Addresses(), Name: "orders", Properties: []string{
		"spring.cloud.consul.discovery.heartbeat.enabled=true", "spring.cloud.consul.discovery.heartbeat.ttl=10s",
		"spring.cloud.consul.discovery.heartbeat.reregister-service-on-failure=true",
	}})
	text := "consul service=orders server=" + servers.Addresses()[0]
	c := contract.Open[*consul.Client](t, consul.Kind, text)
	contract.Eventually(t, 20*time.Second, func() error { _, err := c.Find(t.Context()); return err })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	counts := map[string]int{}
	registry.Leave(ctx, contract.Spec(t, consul.Kind, text), c, 5*time.Second, func(e wire.Event) {
		counts[e.Event]++
		t.Logf("%s %s %s", e.Time.Format("15:04:05.000"), e.Event, e.Detail)
	})
	if counts[wire.Back] == 0 || counts[wire.Out] != counts[wire.Back]+1 || counts[wire.Failed] != 0 || counts[wire.Record] != 0 {
		t.Errorf("events %v", counts)
	}
	if err := c.Confirm(t.Context(), registry.Spec{}); err != nil {
		t.Error(err)
	}
}
