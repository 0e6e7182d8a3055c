package nacos_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/nacos"
)

// world is what an application does to the registry; it is empty when a tape is played.
type world struct {
	start, kill func() error // the pod's own instance
	startOther  func() error // another pod's
	consumes    func() (own bool, err error)
}

const (
	ownPort, otherPort = "7001", "7002"
	weight             = "3"
)

// set is a server with a kind of client.
type set struct {
	name     string
	nodes    int
	password string
	noLogin  bool // this build of the server closes the connection when it refuses a login
}

var sets = []set{
	{"nacos-2.2.4-client-1.4", 1, "", false},
	{"nacos-2.2.4-client-2.4", 1, "", false},
	{"nacos-2.2.4-two-nodes", 2, "", false},
	{"nacos-2.2.4-login", 1, "nacos", true},
	{"nacos-3.1.0", 1, "test-password", false},
}

func TestContract(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			holds(t, contract.Recorded(t, set.name, set.nodes), set, world{})
		})
	}
}

// holds is the contract: what a client can rely on, whatever the version.
func holds(t *testing.T, s *contract.Stage, set set, w world) {
	t.Setenv("TEST_USER", "nacos")
	t.Setenv("TEST_PASSWORD", set.password)
	ctx := t.Context()
	text := "nacos timeout=15s service=orders port=" + ownPort + " server=" + strings.Join(s.Servers, ",")
	if set.password != "" {
		text += " username-env=TEST_USER password-env=TEST_PASSWORD"
	}
	c := contract.Open[*nacos.Client](t, nacos.Kind, text)
	own := contract.Spec(t, nacos.Kind, text).With("ip", "127.0.0.1")
	in := func() error { return contract.In(c.Confirm(ctx, own)) }
	record := own
	out := func() error { return c.Confirm(ctx, record) }
	find := func(wantOut bool) registry.Found {
		t.Helper()
		var found registry.Found
		s.Eventually(10*time.Second, func() (err error) {
			if found, err = c.Find(ctx); err != nil || found.Out != wantOut || found.Record.Get("weight") != weight {
				return fmt.Errorf("found %+v, want out %v, weight %s: %w", found, wantOut, weight, errors.Join(err))
			}
			return nil
		})
		return found
	}

	s.Act("nobody has registered", nil)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) {
		t.Errorf("found: %v", err)
	}
	if err := c.Withdraw(ctx, record); !errors.Is(err, registry.ErrNotFound) && !errors.Is(err, registry.ErrNoService) {
		t.Errorf("withdrawn: %v", err)
	}

	s.Act("another pod has registered", w.startOther)
	s.Eventually(5*time.Second, func() error {
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), "127.0.0.1:"+otherPort) {
			return fmt.Errorf("found: %w", err)
		}
		return nil
	})
	if err := c.Withdraw(ctx, record); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}

	s.Act("the pod has registered", w.start)
	s.Eventually(5*time.Second, in) // nothing was written for it before it was there
	found := find(false)
	record = found.Record
	if err := c.Withdraw(ctx, record.With("cluster", "wrong")); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn from the wrong cluster: %v", err)
	}
	for range 2 { // withdrawing is idempotent; a node that has just learned of the instance may refuse it at first
		s.Eventually(3*time.Second, func() error { return c.Withdraw(ctx, record) })
	}
	s.Eventually(5*time.Second, out)
	find(true)
	s.Act("some beats later", consumer(w, false))
	s.Stays(7*time.Second, out)

	s.Act("it was killed, and the next one came with its address", func() error { return errors.Join(w.kill(), w.start(), consumer(w, false)()) })
	find(true) // the ghost
	if err := c.Restore(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, in)
	find(false)

	s.Act("consumers have it again", consumer(w, true))
	if err := c.Withdraw(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, out)
	s.Act("it was killed", w.kill)
	if err := c.Restore(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Act("the next one came when all was restored", w.start)
	s.Eventually(10*time.Second, in)
	find(false)

	if set.password != "" {
		s.Act("no user", nil)
		_, err := contract.Open[*nacos.Client](t, nacos.Kind, "nacos service=orders server="+strings.Join(s.Servers, ",")).Find(ctx)
		if !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a user by username-env=") {
			t.Errorf("no user: %v", err)
		}
	}
	if set.password != "" && !set.noLogin {
		s.Act("wrong password", nil)
		t.Setenv("TEST_PASSWORD", "wrong")
		_, err := contract.Open[*nacos.Client](t, nacos.Kind, text).Find(ctx)
		if err == nil || !strings.Contains(err.Error(), "logging in as nacos: ") || !strings.Contains(err.Error(), "password") {
			t.Errorf("wrong password: %v", err)
		}
	}
}

// consumer waits until a consumer's own client would, or would not, send to the instance.
func consumer(w world, want bool) func() error {
	return func() error {
		return contract.Within(10*time.Second, func() error {
			if got, err := w.consumes(); err != nil || got != want {
				return fmt.Errorf("the consumer has the instance: %v, %w", got, errors.Join(err))
			}
			return nil
		})
	}
}
