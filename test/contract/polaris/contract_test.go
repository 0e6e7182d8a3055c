package polaris_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/google/go-cmp/cmp"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/polaris"
	"github.com/lameduck-dev/lameduck/registry/web"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what applications do to the registry; it is empty when a tape is played.
type world struct {
	start, kill, stop func() error // the pod's own instance
	startOthers       func() error // another pod's, and one more at this pod's address
	// consumes checks the addresses that a consumer's library would send to.
	consumes func(want ...string) func() error
}

const (
	own     = "127.0.0.1:7001"
	sibling = "127.0.0.1:7002"
	other   = "127.0.0.2:7001"
)

const tape = "polaris-1.18.1"

func TestContract(t *testing.T) {
	t.Setenv("TEST_TOKEN", "recorded")
	holds(t, contract.Recorded(t, tape, 1), world{consumes: func(...string) func() error { return nil }})
}

// raw is everything that Polaris returns about an instance, without what every write changes.
func raw(t *testing.T, server, address string) map[string]any {
	t.Helper()
	answer := contract.Ask(t, web.Call{
		Method: http.MethodPost, URL: "http://" + server + "/v1/Discover",
		Header: http.Header{"Content-Type": {"application/json"}, "X-Polaris-Token": {os.Getenv("TEST_TOKEN")}},
		Body:   `{"service":{"name":"orders","namespace":"default"},"type":1}`,
	})
	var all struct{ Instances []map[string]any }
	if err := json.Unmarshal(answer.Body, &all); err != nil {
		t.Fatal(err)
	}
	for _, one := range all.Instances {
		if fmt.Sprintf("%v:%v", one["host"], one["port"]) == address {
			delete(one, "revision")
			delete(one, "mtime")
			return one
		}
	}
	t.Fatalf("no %s in %s", address, answer.Text())
	return nil
}

// holds is the contract: what a client can rely on.
func holds(t *testing.T, s *contract.Stage, w world) {
	ctx := t.Context()
	text := "polaris timeout=15s service=orders port=7001 server=" + s.Servers[0]
	open := text
	text += " token-env=TEST_TOKEN"
	c := contract.Open[*polaris.Client](t, polaris.Kind, text)
	record := contract.Spec(t, polaris.Kind, text).With("ip", "127.0.0.1")
	in := func() error { return contract.In(c.Confirm(ctx, record)) }
	out := func() error { return c.Confirm(ctx, record) }
	find := func(wantOut bool) {
		t.Helper()
		s.Eventually(10*time.Second, func() error {
			found, err := c.Find(ctx)
			if err != nil || found.Out != wantOut || found.Record.String() != record.String() {
				return fmt.Errorf("found %+v, want out %v: %w", found, wantOut, errors.Join(err))
			}
			return nil
		})
	}

	s.Act("nobody has registered", nil)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) || !strings.Contains(err.Error(), "default/orders") {
		t.Errorf("found: %v", err)
	}
	if err := c.Withdraw(ctx, record); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}
	if err := c.Restore(ctx, record); err != nil {
		t.Errorf("restored: %v", err)
	}

	s.Act("others have registered", w.startOthers)
	s.Eventually(10*time.Second, func() error {
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), other) || !strings.Contains(err.Error(), sibling) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
	if err := c.Withdraw(ctx, record); !errors.Is(err, registry.ErrNotFound) {
		t.Errorf("withdrawn: %v", err)
	}

	s.Act("the pod has registered", w.start)
	s.Eventually(10*time.Second, in) // nothing was written for it before it was there
	find(false)
	if _, err := contract.Open[*polaris.Client](t, polaris.Kind, strings.Replace(text, " port=7001", "", 1)).Find(ctx); err == nil || !strings.Contains(err.Error(), "say which by port=") {
		t.Errorf("two instances of the pod: %v", err)
	}
	s.Act("consumers have all", w.consumes(own, sibling, other))
	before := raw(t, s.Servers[0], own)
	for range 2 { // withdrawing is idempotent
		if err := c.Withdraw(ctx, record); err != nil {
			t.Fatal(err)
		}
	}
	s.Eventually(5*time.Second, out)
	find(true)
	s.Act("consumers have all but this one", w.consumes(sibling, other))
	before["isolate"] = true
	if diff := cmp.Diff(before, raw(t, s.Servers[0], own)); diff != "" {
		t.Errorf("more than its isolation has changed: %s", diff)
	}
	if raw(t, s.Servers[0], sibling)["isolate"] != false {
		t.Error("the pod's other instance was isolated too")
	}
	s.Act("some heartbeats later", nil)
	s.Stays(7*time.Second, out)

	s.Act("it was killed, and the next one came with its address", func() error { return errors.Join(w.kill(), w.start()) })
	s.Stays(4*time.Second, out) // the ghost
	if err := c.Restore(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, in)
	s.Act("consumers have it again", w.consumes(own, sibling, other))

	if err := c.Withdraw(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Eventually(5*time.Second, out)
	s.Act("it has stopped by itself, and the next one came with its address", func() error { return errors.Join(w.stop(), w.start()) })
	s.Eventually(10*time.Second, in) // it took its isolation with it

	s.Act("it is withdrawn again, killed, and restored", nil)
	if err := c.Withdraw(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Act("it was killed", w.kill)
	if err := c.Restore(ctx, record); err != nil {
		t.Fatal(err)
	}
	s.Act("the next one came when all was restored", w.start)
	s.Eventually(10*time.Second, in)
	find(false)

	s.Act("it has stopped", w.stop)
	s.Eventually(10*time.Second, func() error {
		if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) {
			return fmt.Errorf("found: %w", errors.Join(err))
		}
		return nil
	})
	if err := errors.Join(out(), c.Restore(ctx, record)); err != nil {
		t.Error(err)
	}

	s.Act("without a token", nil)
	if err := contract.Open[*polaris.Client](t, polaris.Kind, open).Withdraw(ctx, record); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a token by token-env=") {
		t.Errorf("no token: %v", err)
	}
	s.Act("with a token that there is not", nil)
	t.Setenv("TEST_TOKEN", "wrong")
	if err := c.Withdraw(ctx, record); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "is the token right") {
		t.Errorf("wrong token: %v", err)
	}
}
