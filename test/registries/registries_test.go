//go:build registries

package registries

import (
	"net"
	"testing"
	"time"
)

func TestEveryRegistryStarts(t *testing.T) {
	for name, plan := range Plans() {
		t.Run(name, func(t *testing.T) {
			begin := time.Now()
			s := ForTest(t, plan())
			t.Logf("%v were up after %.1f s", s.Addresses(), time.Since(begin).Seconds())
			for _, address := range s.Addresses() {
				conn, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				conn.Close()
			}
			if err := s.Stop(); err != nil {
				t.Fatal(err)
			}
			for _, address := range s.Addresses() {
				if conn, err := net.Dial("tcp", address); err == nil {
					conn.Close()
					t.Errorf("%s still listens after Stop", address)
				}
			}
		})
	}
}
