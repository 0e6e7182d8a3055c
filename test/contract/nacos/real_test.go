//go:build registries

package nacos_test

import (
	"errors"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/nacos"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against each version of the real server, with applications using the
// official clients.
func TestReal(t *testing.T) {
	plans := map[string]struct {
		plan    func() registries.Plan
		version string
	}{
		"nacos-2.2.4-client-1.4": {func() registries.Plan { return registries.Nacos2(registries.Nacos{}) }, registries.NacosClient14},
		"nacos-2.2.4-client-2.4": {func() registries.Plan { return registries.Nacos2(registries.Nacos{}) }, registries.NacosClient24},
		"nacos-2.2.4-login":      {func() registries.Plan { return registries.Nacos2(registries.Nacos{Auth: true}) }, registries.NacosClient24},
		"nacos-2.2.4-two-nodes":  {func() registries.Plan { return registries.Nacos2(registries.Nacos{Members: 2}) }, registries.NacosClient24},
		"nacos-3.1.0":            {func() registries.Plan { return registries.Nacos3(registries.Nacos{}) }, registries.NacosClient31},
	}
	for _, set := range sets {
		if (set.nodes > 1 || set.noLogin) && !contract.Nightly {
			continue
		}
		t.Run(set.name, func(t *testing.T) {
			servers := registries.ForTest(t, plans[set.name].plan())
			app := registries.NacosApp{Version: plans[set.name].version, Servers: servers.Addresses(), Login: servers.Login, Service: "orders", Weight: 3}
			awaitLogin(t, servers)
			holds(t, contract.Live(t, set.name, *record, servers.Addresses()...), set, live(t, app))
		})
	}
}

// awaitLogin waits until the server has read its users, which it does every 15 s.
func awaitLogin(t *testing.T, servers *registries.Servers) {
	if servers.Login == nil {
		return
	}
	t.Setenv("TEST_USER", servers.Login.User)
	t.Setenv("TEST_PASSWORD", servers.Login.Password)
	c := contract.Open[*nacos.Client](t, nacos.Kind, "nacos service=none username-env=TEST_USER password-env=TEST_PASSWORD server="+servers.Addresses()[0])
	contract.Eventually(t, time.Minute, func() error {
		if _, err := c.Find(t.Context()); !errors.Is(err, registry.ErrNoService) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
}

func live(t *testing.T, app registries.NacosApp) world {
	var own *registries.NacosClient
	started := func(port int) func() error {
		return func() error {
			app.Port = port
			c := registries.NacosClientForTest(t, app)
			if port == 7001 {
				own = c
			}
			return c.Register(t.Context())
		}
	}
	var watching *registries.NacosClient
	return world{
		start:      started(7001),
		startOther: started(7002),
		kill:       func() error { return own.Close() },
		consumes: func() (bool, error) {
			if watching == nil {
				watching = registries.NacosClientForTest(t, app)
				if err := watching.Subscribe(t.Context()); err != nil {
					return false, err
				}
			}
			_, selected, err := watching.Instances(t.Context())
			for _, one := range selected {
				if strings.HasSuffix(one.IP, "127.0.0.1") && one.Port == 7001 {
					return true, err
				}
			}
			return false, err
		},
	}
}
