package etcd

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaults(t *testing.T) {
	t.Setenv("TEST_USER", "test")
	calls := map[string]func(c *Client, t *testing.T) error{
		"find":     func(c *Client, t *testing.T) error { _, err := c.Find(t.Context()); return err },
		"withdraw": func(c *Client, t *testing.T) error { return c.Withdraw(t.Context(), registry.Spec{}) },
		"confirm":  func(c *Client, t *testing.T) error { return c.Confirm(t.Context(), registry.Spec{}) },
		"delete": func(c *Client, t *testing.T) error {
			return c.delete(t.Context(), c.members[0], pair{key: "/microservices/orders/1", revision: "7"})
		},
	}
	for name, call := range calls {
		for _, login := range []string{"", " username-env=TEST_USER"} {
			t.Run(name+login, func(t *testing.T) {
				contract.Faults(t, func(t *testing.T, settings string) error {
					return call(contract.Open[*Client](t, Kind, "etcd layout=kratos service=orders "+settings+login), t)
				})
			})
		}
	}
}
