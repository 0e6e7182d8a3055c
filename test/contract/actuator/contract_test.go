package actuator_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/actuator"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/web"
)

// world is what an application does; it is empty when a tape is played.
type world struct {
	kill, again func() error
	// shown returns nil if the registry itself shows the instance as in, or as out.
	shown func(in bool) error
}

type set struct {
	name, backend string
	wrong         string // a backend whose answer it can't be
	trace         bool   // the next instance starts as a killed one left it
}

var sets = []set{
	{name: "eureka", backend: "eureka", wrong: "nacos", trace: true},
	// Spring Cloud Alibaba 2025 registers the instance again as disabled; 2021 has Nacos override it.
	{name: "nacos-2025", backend: "nacos", wrong: "eureka"},
	{name: "nacos-2021", backend: "nacos", wrong: "eureka", trace: true},
	{name: "consul", backend: "consul", wrong: "eureka", trace: true},
	{name: "zookeeper", backend: "zookeeper", wrong: "eureka"},
}

func TestContract(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			holds(t, contract.Recorded(t, set.name, 1), set, world{shown: func(bool) error { return nil }})
		})
	}
	t.Run("guarded", func(t *testing.T) { refuses(t, contract.Recorded(t, "guarded", 1)) })
}

// holds is the contract: what a client can rely on.
func holds(t *testing.T, s *contract.Stage, set set, w world) {
	ctx := t.Context()
	at := "actuator service=orders timeout=15s server=" + s.Servers[0]
	c := contract.Open[*actuator.Client](t, actuator.Kind, at+" backend="+set.backend)
	var none registry.Spec
	in := func() error {
		found, err := c.Find(ctx)
		if err != nil || found.Out || !found.Record.IsZero() {
			return fmt.Errorf("found %+v, %w", found, errors.Join(err))
		}
		if err := contract.In(c.Confirm(ctx, none)); err != nil {
			return err
		}
		return w.shown(true)
	}
	out := func() error {
		if found, err := c.Find(ctx); err != nil || !found.Out {
			return fmt.Errorf("found %+v, %w", found, errors.Join(err))
		}
		return errors.Join(c.Confirm(ctx, none), w.shown(false))
	}

	s.Act("it has registered", nil)
	s.Eventually(60*time.Second, in)
	s.Act("what is not there, and what is not so", nil)
	if _, err := contract.Open[*actuator.Client](t, actuator.Kind, at+" context=/nothing").Find(ctx); err == nil || !strings.Contains(err.Error(), "set management.endpoints.web.exposure.include=serviceregistry") {
		t.Errorf("not exposed: %v", err)
	}
	if _, err := contract.Open[*actuator.Client](t, actuator.Kind, at+" backend="+set.wrong).Find(ctx); err == nil || !strings.Contains(err.Error(), "is wrong") {
		t.Errorf("backend=%s: %v", set.wrong, err)
	}
	if _, err := contract.Open[*actuator.Client](t, actuator.Kind, at).Find(ctx); (err == nil) != (set.backend == "eureka") {
		t.Errorf("without a backend: %v", err)
	}
	if set.backend == "nacos" { // which accepts what it does not know, and does nothing
		other := contract.Open[*actuator.Client](t, actuator.Kind, at+" backend=consul")
		if err := other.Withdraw(ctx, none); err != nil {
			t.Error(err)
		}
		if err := other.Confirm(ctx, none); !errors.Is(err, registry.ErrIn) {
			t.Errorf("a status that Nacos's client does not know: %v", err)
		}
	}

	s.Act("it is withdrawn", nil)
	if err := c.Withdraw(ctx, none); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, out)
	if err := c.Withdraw(ctx, none); err != nil { // withdrawing is idempotent
		t.Error(err)
	}
	s.Stays(10*time.Second, out)
	s.Act("it is restored", nil)
	if err := c.Restore(ctx, none); err != nil {
		t.Fatal(err)
	}
	s.Eventually(40*time.Second, in) // Eureka: at the next heartbeat

	s.Act("it is withdrawn again", nil)
	if err := c.Withdraw(ctx, none); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, out)
	s.Act("it was killed, and the next one came with its address", func() error { return errors.Join(w.kill(), w.again()) })
	if !set.trace {
		s.Eventually(40*time.Second, in)
		return
	}
	s.Eventually(20*time.Second, out)
	s.Stays(3*time.Second, out) // the trace
	s.Act("the next one is restored", nil)
	if err := c.Restore(ctx, none); err != nil {
		t.Fatal(err)
	}
	s.Eventually(40*time.Second, in)
}

// refuses is the contract with an application behind Spring Security's defaults.
func refuses(t *testing.T, s *contract.Stage) {
	t.Setenv("TEST_USER", "test")
	ctx := t.Context()
	text := "actuator backend=eureka server=" + s.Servers[0]
	s.Act("nobody", nil)
	if _, err := contract.Open[*actuator.Client](t, actuator.Kind, text).Find(ctx); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a user by username-env=") {
		t.Errorf("nobody: %v", err)
	}
	c := contract.Open[*actuator.Client](t, actuator.Kind, text+" username-env=TEST_USER password-env=TEST_PASSWORD")
	s.Act("wrong password", nil)
	t.Setenv("TEST_PASSWORD", "wrong")
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "is the password right?") {
		t.Errorf("wrong password: %v", err)
	}
	s.Act("right password", nil)
	t.Setenv("TEST_PASSWORD", "test-password")
	if _, err := c.Find(ctx); err == nil || errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "the endpoint is not there") {
		t.Errorf("right password: %v", err)
	}
	header := web.Basic("test", "test-password")
	header.Set("Content-Type", "application/json")
	answer := contract.Ask(t, web.Call{Method: http.MethodPost, URL: "http://" + s.Servers[0] + "/actuator/serviceregistry", Header: header, Body: `{"status":"OUT_OF_SERVICE"}`})
	if answer.Status != http.StatusUnauthorized { // by Spring's CSRF protection
		t.Errorf("writing with the right password: %d %s", answer.Status, answer.Text())
	}
}
