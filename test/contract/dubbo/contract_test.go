package dubbo_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// world is what an application does; it is empty when a tape is played.
type world struct {
	kill, again func() error
	// consumed returns nil if a consumer has sent nothing to the instance for a while.
	consumed func() error
}

func TestContract(t *testing.T) {
	for _, name := range []string{"dubbo-3.3.6", "dubbo-2.7.23"} {
		t.Run(name, func(t *testing.T) {
			holds(t, contract.Recorded(t, name, 2), world{consumed: func() error { return nil }})
		})
	}
}

// holds is the contract: what a client can rely on. The first server is QoS at the loopback address,
// the second the same QoS at another address of the machine.
func holds(t *testing.T, s *contract.Stage, w world) {
	ctx := t.Context()
	c := contract.Open[*dubbo.Client](t, dubbo.Kind, "dubbo service=orders timeout=15s server="+s.Servers[0])
	var none registry.Spec
	in := func() error {
		found, err := c.Find(ctx)
		if err != nil || found.Out || !found.Record.IsZero() {
			return fmt.Errorf("found %+v, %w", found, errors.Join(err))
		}
		if err := c.Confirm(ctx, none); !errors.Is(err, registry.ErrIn) || !strings.Contains(err.Error(), "Orders") {
			return fmt.Errorf("it is not in: %w", errors.Join(err))
		}
		return nil
	}
	out := func() error {
		if found, err := c.Find(ctx); err != nil || !found.Out {
			return fmt.Errorf("found %+v, %w", found, errors.Join(err))
		}
		return c.Confirm(ctx, none)
	}

	s.Act("it has registered", nil)
	s.Eventually(30*time.Second, in)
	s.Act("a stranger asks", nil)
	if _, err := contract.Open[*dubbo.Client](t, dubbo.Kind, "dubbo timeout=15s server="+s.Servers[1]).Find(ctx); err == nil || !strings.Contains(err.Error(), "answers 127.0.0.1 only") {
		t.Errorf("by another address: %v", err)
	}
	s.Act("a command that is unknown", nil)
	for command, want := range map[string]string{"nonsense": "404 ", "offline?service=none": "200 service not found"} {
		answer := contract.Ask(t, web.Call{Method: http.MethodGet, URL: "http://" + s.Servers[0] + "/" + command})
		if got := fmt.Sprintf("%d %s", answer.Status, answer.Body); got != want {
			t.Errorf("%s: %s, want %s", command, got, want)
		}
	}
	if err := in(); err != nil {
		t.Error(err)
	}

	s.Act("it is withdrawn", nil)
	for range 2 { // withdrawing is idempotent
		if err := c.Withdraw(ctx, none); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(5*time.Second, out)
	if err := w.consumed(); err != nil {
		t.Error(err)
	}
	s.Act("a session later", nil)
	s.Stays(10*time.Second, out)

	s.Act("it is restored", nil)
	if err := c.Restore(ctx, none); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, in)

	s.Act("it is withdrawn again, killed, and the next one has come", func() error {
		return errors.Join(c.Withdraw(ctx, none), w.kill(), w.again())
	})
	s.Eventually(30*time.Second, in) // nothing was left behind
}
