package consul

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
)

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
					return call(client(t, "consul service=orders id=orders-0 ip=127.0.0.1 by="+by+" "+settings), t)
				})
			})
		}
	}
}
