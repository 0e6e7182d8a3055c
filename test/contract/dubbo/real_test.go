//go:build registries

package dubbo_test

import (
	"errors"
	"flag"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against Dubbo providers with ZooKeeper, two of each version, so that
// their consumer can do without one.
func TestReal(t *testing.T) {
	for name, framework := range map[string]registries.Framework{"dubbo-3.3.6": registries.Dubbo3, "dubbo-2.7.23": registries.Dubbo27} {
		if framework == registries.Dubbo3 || contract.Nightly {
			t.Run(name, func(t *testing.T) { live(t, name, framework) })
		}
	}
}

func live(t *testing.T, name string, framework registries.Framework) {
	servers := registries.ForTest(t, registries.ZooKeeper())
	app := registries.App{Framework: framework, Servers: servers.Addresses(), Name: "orders"}
	registries.AppForTest(t, app)
	app.Properties = []string{"pod.name=own"}
	own := registries.AppForTest(t, app)
	app.Upstream, app.Properties = "orders", []string{"timeout=10000"} // Dubbo's own, 1 s, is short on a busy machine
	shop := registries.AppForTest(t, app)
	defer http.DefaultClient.CloseIdleConnections()
	contract.Eventually(t, 30*time.Second, func() error {
		if last, err := shop.LastTo(t.Context(), "own", time.Second); err != nil || last == 0 {
			return fmt.Errorf("the consumer sends nothing to the provider: %w", errors.Join(err))
		}
		return nil
	})

	ips, err := registry.OwnIPs()
	if err != nil {
		t.Fatal(err)
	}
	qos := strconv.Itoa(own.QoS)
	stage := contract.Live(t, name, *record, "127.0.0.1:"+qos, ips[0].String()+":"+qos)
	holds(t, stage, world{
		kill:  func() error { own.Kill(); return nil },
		again: func() error { return own.Restart(t.Context()) },
		consumed: func() error {
			last, err := shop.LastTo(t.Context(), "own", dubboStale)
			if err != nil {
				return err
			}
			t.Logf("the last request came %.2f s after it was confirmed", last.Seconds())
			if last > dubboStale-5*time.Second {
				return errors.New("the consumer has not stopped")
			}
			return nil
		},
	})
}

// dubboStale is what the kind promises.
var dubboStale = dubbo.Kind.Caches.Most
