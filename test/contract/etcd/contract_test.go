package etcd_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/etcd"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is what applications do to the registry; it is empty when a tape is played.
type world struct {
	start, stop func() error // the pod's own instance
	startOther  func() error // another pod's
	// consumes checks the addresses that a consumer's library has.
	consumes func(want ...string) func() error
}

const (
	own   = "127.0.0.1:7001"
	other = "127.0.0.2:7001"
)

type set struct {
	name, layout string
	members      int
	login        bool
}

var sets = []set{
	{name: "kratos", layout: "kratos", members: 1},
	{name: "kitex", layout: "kitex", members: 1},
	{name: "login", layout: "kratos", members: 1, login: true},
	{name: "three-members", layout: "kitex", members: 3},
}

func TestContract(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			holds(t, contract.Recorded(t, set.name, set.members), set, world{consumes: func(...string) func() error { return nil }})
		})
	}
}

// holds is the contract: what a client can rely on, whatever the library.
func holds(t *testing.T, s *contract.Stage, set set, w world) {
	t.Setenv("TEST_USER", "test")
	t.Setenv("TEST_PASSWORD", "test-password")
	ctx := t.Context()
	text := "etcd timeout=5s service=orders layout=" + set.layout + " server=" + strings.Join(s.Servers, ",")
	open := text
	if set.login {
		text += " username-env=TEST_USER password-env=TEST_PASSWORD"
	}
	c := contract.Open[*etcd.Client](t, etcd.Kind, text)
	none := registry.Spec{}
	in := func() error { return contract.In(c.Confirm(ctx, none)) }
	withdraw := func() {
		t.Helper()
		if err := c.Withdraw(ctx, none); err != nil {
			t.Fatal(err)
		}
	}
	out := func() error { return c.Confirm(ctx, none) }

	s.Act("nobody has registered", nil)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNoService) || !strings.Contains(err.Error(), "/orders/") {
		t.Errorf("found: %v", err)
	}
	withdraw()

	s.Act("another pod has registered", w.startOther)
	if _, err := c.Find(ctx); !errors.Is(err, registry.ErrNotFound) || !strings.Contains(err.Error(), other) {
		t.Errorf("found: %v", err)
	}
	withdraw()

	s.Act("the pod has registered", w.start)
	if err := in(); err != nil {
		t.Fatal(err)
	}
	found, err := c.Find(ctx)
	if err != nil || found.Out || !found.Record.IsZero() || !strings.HasSuffix(found.Detail, " at "+own) {
		t.Fatalf("found %+v, %v", found, err)
	}
	s.Act("consumers have both", w.consumes(own, other))
	withdraw()
	withdraw() // withdrawing is idempotent
	if err := out(); err != nil {
		t.Fatal(err)
	}
	s.Act("consumers have the other one only", w.consumes(other))
	s.Stays(5*time.Second, out)

	s.Act("it was killed, and the next one came with its address", w.start)
	if err := in(); err != nil {
		t.Fatal(err)
	}
	s.Act("consumers have both again", w.consumes(own, other))

	if set.members > 1 {
		s.Act("one more member is said to be there, and is not", nil)
		withDeadMember(t, open+",127.0.0.1:1")
	}

	s.Act("it has stopped by itself", w.stop)
	if err := out(); err != nil {
		t.Error(err)
	}
	if set.login {
		denied(t, s, text, open)
	}
}

// withDeadMember checks that a member that does not answer is named, and holds up nothing else.
func withDeadMember(t *testing.T, text string) {
	c := contract.Open[*etcd.Client](t, etcd.Kind, strings.Replace(text, "server=", "server=127.0.0.1:1,", 1))
	if _, err := c.Find(t.Context()); err != nil {
		t.Error(err)
	}
	if err := c.Confirm(t.Context(), registry.Spec{}); !errors.Is(err, registry.ErrIn) {
		t.Errorf("confirmed while it is in: %v", err)
	}
	if err := c.Withdraw(t.Context(), registry.Spec{}); err != nil {
		t.Error(err)
	}
	err := contract.Open[*etcd.Client](t, etcd.Kind, text).Confirm(t.Context(), registry.Spec{})
	if err == nil || strings.Count(err.Error(), "\n") > 0 || !strings.Contains(err.Error(), "http://127.0.0.1:1/") || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("confirmed without a member: %v", err)
	}
}

func denied(t *testing.T, s *contract.Stage, text, open string) {
	s.Act("another prefix than the user's", nil)
	if _, err := contract.Open[*etcd.Client](t, etcd.Kind, text+" prefix=/others").Find(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "grant it both") {
		t.Errorf("another prefix: %v", err)
	}
	s.Act("wrong password", nil)
	t.Setenv("TEST_PASSWORD", "wrong")
	if _, err := contract.Open[*etcd.Client](t, etcd.Kind, text).Find(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "is the password right?") {
		t.Errorf("wrong password: %v", err)
	}
	s.Act("no user", nil)
	if _, err := contract.Open[*etcd.Client](t, etcd.Kind, open).Find(t.Context()); !errors.Is(err, registry.ErrDenied) || !strings.Contains(err.Error(), "give a user by username-env=") {
		t.Errorf("no user: %v", err)
	}
}
