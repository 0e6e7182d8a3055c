package nacos

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestFaults(t *testing.T) {
	for name, api := range map[string]string{"v1": " api=v1", "v3": " api=v3", "asked": ""} {
		t.Run(name, func(t *testing.T) {
			contract.Faults(t, func(t *testing.T, settings string) error {
				_, err := contract.Open[*Client](t, Kind, "nacos service=orders "+settings+api).Find(t.Context())
				return err
			})
		})
	}
}

// TestFaultsOfWrites holds the writes to it, too: a body that is not what Nacos says when it
// has written is an error, whatever the status.
func TestFaultsOfWrites(t *testing.T) {
	for name, api := range map[string]string{"v1": " api=v1", "v3": " api=v3"} {
		t.Run(name, func(t *testing.T) {
			contract.Faults(t, func(t *testing.T, settings string) error {
				c := contract.Open[*Client](t, Kind, "nacos service=orders ip=127.0.0.1 port=7001 "+settings+api)
				return c.Withdraw(t.Context(), c.spec)
			})
		})
	}
}

func TestFaultsOfTheLogin(t *testing.T) {
	t.Setenv("TEST_USER", "nacos")
	contract.Faults(t, func(t *testing.T, settings string) error {
		_, err := contract.Open[*Client](t, Kind, "nacos service=orders api=v1 username-env=TEST_USER "+settings).Find(t.Context())
		return err
	})
}
