package actuator

import (
	"errors"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
)

func TestFaults(t *testing.T) {
	contract.Faults(t, func(t *testing.T, settings string) error {
		_, err := contract.Open[*Client](t, Kind, "actuator backend=eureka "+settings).Find(t.Context())
		return err
	})
}

func TestNew(t *testing.T) {
	for text, want := range map[string]string{
		"actuator": "http://127.0.0.1:8080/actuator/serviceregistry",
		"actuator server=127.0.0.1:9001 context=manage":       "http://127.0.0.1:9001/manage/serviceregistry",
		"actuator server=https://127.0.0.1:8443 context=/":    "https://127.0.0.1:8443/serviceregistry",
		"actuator server=http://127.0.0.1:8080/shop/actuator": "http://127.0.0.1:8080/shop/actuator/serviceregistry",
	} {
		if c := contract.Open[*Client](t, Kind, text); c.url != want {
			t.Errorf("%s: %s", text, c.url)
		}
	}
	contract.Refused(t, Kind, map[string]string{
		"actuator server=127.0.0.1:1,127.0.0.1:2":                 "2 are given",
		"actuator backend=etcd":                                   "there are consul, eureka, nacos, zookeeper",
		"actuator server=user:secret@127.0.0.1:8080 service=shop": "credentials do not go in it",
	})
}

// TestForged has what Spring Security's filter against forged requests says of a right password.
func TestForged(t *testing.T) {
	t.Setenv("TEST_USER", "test")
	c := contract.Open[*Client](t, Kind, "actuator backend=eureka username-env=TEST_USER server="+contract.Says(t, 401, ""))
	if err := c.set(t.Context(), "OUT_OF_SERVICE"); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "CSRF") {
		t.Error(err)
	}
}
