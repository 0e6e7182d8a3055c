package consul_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/consul"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what applications do to the registry; it is empty when a tape is played.
type world struct {
	start, kill, stop func() error // the pod's own instance
	startOther        func() error // another pod's
}

// set is one set-up.
type set struct {
	name   string
	agents int
	acl    bool
	by     string
}

var sets = []set{
	{name: "deregister", agents: 1},
	{name: "maintenance", agents: 1, by: "maintenance"},
	{name: "two-agents", agents: 2},
	{name: "acl", agents: 1, acl: true},
}

// id stays the same for the next instance, like that of a StatefulSet's pod.
const id = "orders-0"

const other = "127.0.0.2:7001"

func TestContract(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			holds(t, contract.Recorded(t, set.name, set.agents), set, world{})
		})
	}
}

// holds is the contract: what a client can rely on.
func holds(t *testing.T, s *contract.Stage, set set, w world) {
	t.Setenv("TEST_TOKEN", testToken)
	ctx := t.Context()
	text := "consul timeout=15s service=orders server=" + strings.Join(s.Servers, ",")
	if set.by != "" {
		text += " by=" + set.by
	}
	open := text
	if set.acl {
		text += " token-env=TEST_TOKEN"
	}
	c := contract.Open[*consul.Client](t, consul.Kind, text)
	record := registry.Spec{}
	in := func() error { return contract.In(c.Confirm(ctx, record)) }
	out := func() error { return c.Confirm(ctx, record) }
	withdraw := func() {
		t.Helper()
		if err := c.Withdraw(ctx, record); err != nil {
			t.Fatal(err)
		}
	}

	s.Act("nobody has registered", nil)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) {
		t.Errorf("found: %v", err)
	}

	s.Act("another pod has registered", w.startOther)
	s.Eventually(5*time.Second, func() error {
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), other) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
	if err := c.Withdraw(ctx, record); err != nil && !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}

	s.Act("the pod has registered", w.start)
	s.Eventually(30*time.Second, in) // its first check may take 10 s
	found, err := c.Find(ctx)
	if err != nil || found.Out || !strings.HasPrefix(found.Detail, id+" (127.0.0.1:") {
		t.Fatalf("found %+v, %v", found, err)
	}
	if found.Record.IsZero() != (set.by == "") {
		t.Errorf("its record is %q", found.Record)
	}
	record = found.Record
	if set.agents > 1 {
		s.Act("only the agent is known at which it is not", nil)
		wrong := contract.Open[*consul.Client](t, consul.Kind, "consul service=orders server="+s.Servers[0])
		_, err := wrong.Find(ctx)
		if err == nil || !strings.Contains(err.Error(), id+" is registered at another agent, that of node node-1 at 127.0.0.1: name that one as server=") {
			t.Errorf("found at the wrong agent: %v", err)
		}
		if err := wrong.Withdraw(ctx, registry.Spec{}); err == nil {
			t.Error("withdrawn at the wrong agent")
		}
		if err := in(); err != nil {
			t.Error(err)
		}
	}
	withdraw()
	s.Eventually(5*time.Second, out)
	withdraw() // withdrawing is idempotent
	s.Act("its check has been made once more", nil)
	s.Stays(12*time.Second, out)
	if found, err := c.Find(ctx); set.by != "" && (err != nil || !found.Out) {
		t.Errorf("found %+v, %v", found, err)
	}

	s.Act("it was killed, and the next one came with its id", func() error { return errors.Join(w.kill(), w.start()) })
	if set.by != "" {
		s.Stays(15*time.Second, out) // the ghost
		if err := c.Restore(ctx, record); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(15*time.Second, in)
	if set.by != "" {
		s.Act("it is withdrawn, stops by itself, and the next one comes with its id", func() error { return nil })
		withdraw()
		s.Eventually(5*time.Second, out)
		s.Act("the next one has come", func() error { return errors.Join(w.stop(), w.start()) })
		s.Eventually(15*time.Second, in) // it took its maintenance with it
	}
	s.Act("it has stopped", w.stop)
	s.Eventually(5*time.Second, func() error {
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
	if err := errors.Join(out(), c.Restore(ctx, record)); err != nil {
		t.Error(err)
	}
	if set.acl {
		denied(t, s, text, open)
	}
}

// testToken is the token of the test's servers, and no secret.
const testToken = "0b7bb6d6-6f0f-4e1d-a8d8-5f7c66b6b1d1"

func denied(t *testing.T, s *contract.Stage, text, open string) {
	s.Act("another service than the token's", nil)
	answer := contract.Ask(t, web.Call{Method: http.MethodPut, URL: "http://" + s.Servers[0] + "/v1/agent/service/deregister/shop-0", Header: http.Header{"X-Consul-Token": {testToken}}})
	if answer.Status != http.StatusNotFound {
		t.Errorf("another service: %d %s", answer.Status, answer.Text())
	}
	s.Act("a token that there is not", nil)
	t.Setenv("TEST_TOKEN", "0b7bb6d6-0000-0000-0000-000000000000")
	if _, err := contract.Open[*consul.Client](t, consul.Kind, text).Find(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "ACL not found") || !strings.Contains(err.Error(), "is the token right") {
		t.Errorf("wrong token: %v", err)
	}
	s.Act("no token", nil)
	if _, err := contract.Open[*consul.Client](t, consul.Kind, open).Find(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a token with service:write by token-env=") {
		t.Errorf("no token: %v", err)
	}
}
