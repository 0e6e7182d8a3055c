//go:build registries && nightly

package polaris_test

import (
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/polaris"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against the real server, with applications using the official library.
func TestReal(t *testing.T) {
	servers := registries.ForTest(t, registries.Polaris())
	t.Setenv("TEST_TOKEN", servers.Login.Password)
	app := registries.PolarisApp{Servers: servers.Addresses(), Service: "orders"}
	started := func(address string) *registries.Registrant {
		app.Address = address
		return registries.PolarisAppForTest(t, app)
	}
	var mine, consumer *registries.Registrant
	holds(t, contract.Live(t, tape, *record, servers.Addresses()...), world{
		start:       func() error { mine = started(own); return mine.Register() },
		kill:        func() error { mine.Kill(); return nil },
		stop:        func() error { return mine.Deregister() },
		startOthers: func() error { return errors.Join(started(other).Register(), started(sibling).Register()) },
		consumes: func(want ...string) func() error {
			return func() error {
				if consumer == nil {
					consumer = started("127.0.0.3:7001") // registers nothing
				}
				start := time.Now()
				defer func() { t.Logf("a consumer has %v after %v", want, time.Since(start)) }()
				return contract.Given(15*time.Second, consumer.Instances, want...)
			}
		},
	})
}

// TestLag measures how long the clients' view takes to show a write.
func TestLag(t *testing.T) {
	servers := registries.ForTest(t, registries.Polaris())
	t.Setenv("TEST_TOKEN", servers.Login.Password)
	app := registries.PolarisAppForTest(t, registries.PolarisApp{Servers: servers.Addresses(), Service: "orders", Address: own})
	if err := app.Register(); err != nil {
		t.Fatal(err)
	}
	text := "polaris service=orders ip=127.0.0.1 port=7001 token-env=TEST_TOKEN server=" + servers.Addresses()[0]
	c, record := contract.Open[*polaris.Client](t, polaris.Kind, text), contract.Spec(t, polaris.Kind, text)
	longest := time.Duration(0)
	for i := range 10 {
		write := c.Withdraw
		if i%2 == 1 {
			write = c.Restore
		}
		if err := write(t.Context(), record); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for time.Since(start) < 10*time.Second && errors.Is(c.Confirm(t.Context(), record), registry.ErrIn) != (i%2 == 1) {
			time.Sleep(5 * time.Millisecond)
		}
		longest = max(longest, time.Since(start))
		time.Sleep(time.Duration(i) * 170 * time.Millisecond) // at another moment of its second
	}
	t.Logf("seen after %v at most", longest)
	if longest > 3*time.Second {
		t.Error("say so in registry/polaris/kind.go")
	}
}
