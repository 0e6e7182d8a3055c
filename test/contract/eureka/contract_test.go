package eureka_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/eureka"
)

// world is what an application does to the registry; it is empty when a tape is played.
type world struct {
	start, kill, again, stop func() error
}

type set struct {
	name  string
	peers int
	login bool
	csrf  bool
}

var sets = []set{
	{name: "eureka-peers", peers: 2},
	{name: "eureka-login", peers: 1, login: true},
	{name: "eureka-csrf", peers: 1, login: true, csrf: true},
}

func TestContract(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			holds(t, contract.Recorded(t, set.name, set.peers), set, world{})
		})
	}
}

// id stays the same for the next instance, like that of a StatefulSet's pod.
const id = "orders-0"

// holds is the contract: what a client can rely on.
func holds(t *testing.T, s *contract.Stage, set set, w world) {
	t.Setenv("TEST_USER", "test")
	t.Setenv("TEST_PASSWORD", "test-password")
	ctx := t.Context()
	text := "eureka timeout=15s service=orders server=" + strings.Join(s.Servers, ",")
	if set.login {
		text += " username-env=TEST_USER password-env=TEST_PASSWORD"
	}
	c := contract.Open[*eureka.Client](t, eureka.Kind, text)
	record := contract.Spec(t, eureka.Kind, text).With("id", id)
	in := func() error { return contract.In(c.Confirm(ctx, record)) }
	out := func() error { return c.Confirm(ctx, record) }

	s.Act("nobody has registered", nil)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) {
		t.Errorf("found: %v", err)
	}
	if err := c.Withdraw(ctx, record); set.csrf {
		if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "CSRF") {
			t.Errorf("withdrawn: %v", err)
		}
		return
	} else if !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	if err := c.Restore(ctx, record); err != nil {
		t.Errorf("restored: %v", err)
	}

	s.Act("the pod has registered", w.start)
	s.Eventually(40*time.Second, in)
	var found registry.Found
	s.Eventually(40*time.Second, func() (err error) { found, err = c.Find(ctx); return err }) // the list is late
	if found.Out || found.Record.Get("id") != id {
		t.Fatalf("found %+v", found)
	}
	record = found.Record
	if err := c.Cached(ctx, record); !errors.Is(err, registry.ErrIn) {
		t.Errorf("in the caches: %v", err)
	}
	for range 2 { // withdrawing is idempotent
		if err := c.Withdraw(ctx, record); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(5*time.Second, out)
	if found, err := c.Find(ctx); err != nil || !found.Out {
		t.Errorf("found %+v, %v", found, err)
	}
	if err := contract.Open[*eureka.Client](t, eureka.Kind, text).Cached(ctx, record); err == nil {
		t.Error("a cache seen for the first time is trusted")
	}
	s.Act("a heartbeat later", nil)
	s.Eventually(31*time.Second, func() error { return c.Cached(ctx, record) })
	s.Stays(32*time.Second, out)

	s.Act("it was killed, and the next one came with its id", func() error { return errors.Join(w.kill(), w.again()) })
	s.Stays(5*time.Second, out) // the ghost
	s.Act("it is restored", nil)
	if err := c.Restore(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, in)
	s.Act("a heartbeat after that", nil)
	s.Stays(32*time.Second, in)

	s.Act("it is withdrawn again, and stopped", nil)
	if err := c.Withdraw(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, out)
	s.Act("it has stopped", w.stop)
	s.Eventually(10*time.Second, func() error {
		if _, err := contract.Open[*eureka.Client](t, eureka.Kind, text+" id="+id).Find(ctx); !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
	if err := errors.Join(out(), c.Restore(ctx, record)); err != nil {
		t.Error(err)
	}

	if set.login {
		s.Act("wrong password", nil)
		t.Setenv("TEST_PASSWORD", "wrong")
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "is the password right?") {
			t.Errorf("wrong password: %v", err)
		}
		s.Act("no user", nil)
		_, err := contract.Open[*eureka.Client](t, eureka.Kind, "eureka service=orders server="+strings.Join(s.Servers, ",")).Find(ctx)
		if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a user by username-env=") {
			t.Errorf("no user: %v", err)
		}
	}
}
