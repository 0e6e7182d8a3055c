//go:build registries

package actuator_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/registry/nacos"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against Spring Boot applications with real registries, and reads
// the registries with their own clients.
func TestReal(t *testing.T) {
	apps := map[string]struct {
		plan      func() registries.Plan
		framework registries.Framework
	}{
		"eureka":     {func() registries.Plan { return registries.Eureka(registries.EurekaServer{}) }, registries.Boot3Eureka},
		"nacos-2025": {func() registries.Plan { return registries.Nacos2(registries.Nacos{}) }, registries.Boot3Nacos},
		"nacos-2021": {func() registries.Plan { return registries.Nacos2(registries.Nacos{}) }, registries.Boot27Nacos},
		"consul":     {func() registries.Plan { return registries.Consul(registries.ConsulServer{}) }, registries.Boot3Consul},
		"zookeeper":  {registries.ZooKeeper, registries.Boot3ZooKeeper},
	}
	for _, set := range sets {
		if set.name != "nacos-2025" && !contract.Nightly {
			continue
		}
		t.Run(set.name, func(t *testing.T) {
			servers := registries.ForTest(t, apps[set.name].plan())
			own := registries.AppForTest(t, registries.App{Framework: apps[set.name].framework, Servers: servers.Addresses(), Name: "orders",
				Properties: []string{"management.endpoints.web.exposure.include=serviceregistry"}})
			holds(t, contract.Live(t, set.name, *record, own.Address()), set, world{
				kill:  func() error { own.Kill(); return nil },
				again: func() error { return own.Restart(t.Context()) },
				shown: look(t, set.backend, servers, own),
			})
		})
	}
	t.Run("guarded", func(t *testing.T) {
		// Spring Security answers first, whatever is behind it; here that is a Eureka server.
		servers := registries.ForTest(t, registries.Eureka(registries.EurekaServer{Login: &registries.TestLogin, CSRF: true}))
		refuses(t, contract.Live(t, "guarded", *record, servers.Addresses()...))
	})
}

// look asks the registry itself, except ZooKeeper, where the node stays and consumers read the status
// in it, and Consul, where maintenance is a check of the application's own agent.
func look(t *testing.T, kind string, servers *registries.Servers, own *registries.RunningApp) func(bool) error {
	if kind == "zookeeper" || kind == "consul" {
		return func(bool) error { return nil }
	}
	text := fmt.Sprintf("%s service=orders ip=%s port=%d server=%s", kind, own.IP, own.Port, strings.Join(servers.Addresses(), ","))
	if kind == "eureka" {
		text += fmt.Sprintf(" id=%s:orders:%d", own.IP, own.Port)
	}
	var c registry.Registry
	if kind == "eureka" {
		c = contract.Open[*eureka.Client](t, eureka.Kind, text)
	} else {
		c = contract.Open[*nacos.Client](t, nacos.Kind, text)
	}
	return func(in bool) error {
		found, err := c.Find(t.Context())
		if err == nil && found.Out == in {
			err = errors.New("the registry shows " + found.Detail)
		}
		return err
	}
}
