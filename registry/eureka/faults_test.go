package eureka

import (
	"testing"

	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestFaults(t *testing.T) {
	for name, id := range map[string]string{"list": "", "instance": " id=orders-0"} {
		t.Run(name, func(t *testing.T) {
			contract.Faults(t, func(t *testing.T, settings string) error {
				_, err := contract.Open[*Client](t, Kind, "eureka service=orders "+settings+id).Find(t.Context())
				return err
			})
		})
	}
}
