package consul

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaults(t *testing.T) {
	for name, call := range map[string]func(c *Client, t *testing.T) error{
		"find":     func(c *Client, t *testing.T) error { _, err := c.Find(t.Context()); return err },
		"withdraw": func(c *Client, t *testing.T) error { return c.Withdraw(t.Context(), registry.Spec{}) },
		"confirm":  func(c *Client, t *testing.T) error { return c.Confirm(t.Context(), registry.Spec{}) },
		"restore":  func(c *Client, t *testing.T) error { return c.Restore(t.Context(), c.spec) },
	} {
		for _, by := range []string{"deregister", "maintenance"} {
			if by == "deregister" && name == "restore" {
				continue // nothing to do
			}
			t.Run(name+" "+by, func(t *testing.T) {
				contract.Faults(t, func(t *testing.T, settings string) error {
					return call(contract.Open[*Client](t, Kind, "consul service=orders id=orders-0 ip=127.0.0.1 by="+by+" "+settings), t)
				})
			})
		}
	}
}

// TestUnknownService has what Consul says to a token that may not write a service, or when it is not there.
func TestUnknownService(t *testing.T) {
	server := contract.Says(t, 404, `Unknown service ID "shop-0". Ensure that the service ID is passed, not the service name.`)
	c := contract.Open[*Client](t, Kind, "consul service=shop server="+server)
	if err := c.write(t.Context(), c.agents[0], "/v1/agent/service/deregister/shop-0"); !errors.Is(err, registry.ErrNotFound) {
		t.Error(err)
	}
}
