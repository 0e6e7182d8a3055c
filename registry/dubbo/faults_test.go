package dubbo

import (
	"errors"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/local"
)

func TestFaults(t *testing.T) {
	var none registry.Spec
	for name, call := range map[string]func(*testing.T, *Client) error{
		"list":  func(t *testing.T, c *Client) error { _, err := c.Find(t.Context()); return err },
		"order": func(t *testing.T, c *Client) error { return c.Withdraw(t.Context(), none) },
	} {
		t.Run(name, func(t *testing.T) {
			contract.Faults(t, func(t *testing.T, settings string) error {
				return call(t, with(t, settings))
			})
		})
	}
}

// with makes a client with settings that the kind does not have: QoS knows no TLS.
func with(t *testing.T, settings string) *Client {
	spec := registry.Spec{Kind: "dubbo"}.WithSecrets(local.Secret)
	for _, setting := range strings.Fields(settings) {
		key, value, _ := strings.Cut(setting, "=")
		spec = spec.With(key, value)
	}
	c, err := New(spec, registry.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// TestClosed is for an application whose QoS is off, or on another port.
func TestClosed(t *testing.T) {
	_, err := contract.Open[*Client](t, Kind, "dubbo server=127.0.0.1:1").Find(t.Context())
	if err == nil || !strings.Contains(err.Error(), "set dubbo.application.qos-enable=true") {
		t.Error(err)
	}
}

func TestNew(t *testing.T) {
	for text, want := range map[string]string{
		"dubbo":                        "http://127.0.0.1:22222",
		"dubbo server=127.0.0.1":       "http://127.0.0.1:22222",
		"dubbo server=localhost:33333": "http://localhost:33333",
	} {
		if c := contract.Open[*Client](t, Kind, text); c.base != want {
			t.Errorf("%s: %s", text, c.base)
		}
	}
	contract.Refused(t, Kind, map[string]string{
		"dubbo server=127.0.0.1:1,127.0.0.1:2":   "2 are given",
		"dubbo server=127.0.0.1:1 ca-file=/none": "no key",
	})
}

// TestOrder has what QoS says of commands that it does not know, and of services that are not there.
func TestOrder(t *testing.T) {
	unknown := contract.Open[*Client](t, Kind, "dubbo server="+contract.Says(t, 404, ""))
	if err := unknown.order(t.Context(), "nonsense"); err == nil || !strings.Contains(err.Error(), "answered 404") {
		t.Errorf("unknown: %v", err)
	}
	nothing := contract.Open[*Client](t, Kind, "dubbo server="+contract.Says(t, 200, "service not found"))
	if err := nothing.order(t.Context(), "offline?service=none"); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("no service: %v", err)
	}
}
