//go:build registries

package eureka_test

import (
	"flag"
	"testing"

	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against the real server, with a Spring Boot application.
func TestReal(t *testing.T) {
	for _, set := range sets {
		if set.login && !contract.Nightly {
			continue
		}
		t.Run(set.name, func(t *testing.T) {
			options := registries.EurekaServer{Peers: set.peers, CSRF: set.csrf}
			if set.login {
				options.Login = &registries.TestLogin
			}
			servers := registries.ForTest(t, registries.Eureka(options))
			app := registries.App{Framework: registries.Boot3Eureka, Servers: servers.Addresses(), Login: servers.Login, Name: "orders",
				Properties: []string{"eureka.instance.instance-id=" + id}}
			var own *registries.RunningApp
			holds(t, contract.Live(t, set.name, *record, servers.Addresses()...), set, world{
				start: func() error { own = registries.AppForTest(t, app); return nil },
				kill:  func() error { own.Kill(); return nil },
				again: func() error { own = registries.AppForTest(t, app); return nil },
				stop:  func() error { own.Stop(); return nil },
			})
		})
	}
}
