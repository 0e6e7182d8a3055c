package polaris

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestFaults(t *testing.T) {
	for name, call := range map[string]func(c *Client, t *testing.T) error{
		"find":     func(c *Client, t *testing.T) error { _, err := c.Find(t.Context()); return err },
		"withdraw": func(c *Client, t *testing.T) error { return c.Withdraw(t.Context(), c.spec) },
		"confirm":  func(c *Client, t *testing.T) error { return c.Confirm(t.Context(), c.spec) },
		"restore":  func(c *Client, t *testing.T) error { return c.Restore(t.Context(), c.spec) },
	} {
		t.Run(name, func(t *testing.T) {
			contract.Faults(t, func(t *testing.T, settings string) error {
				return call(contract.Open[*Client](t, Kind, "polaris service=orders ip=127.0.0.1 port=7001 "+settings), t)
			})
		})
	}
}
