//go:build registries

package etcd_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/registry/wire"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes anew")

// TestReal holds the client against the real server, with applications on the real libraries.
func TestReal(t *testing.T) {
	for _, set := range sets {
		t.Run(set.name, func(t *testing.T) {
			options := registries.EtcdServer{Members: set.members}
			if set.login {
				options.Login, options.Prefix = &registries.TestLogin, "/microservices/"
			}
			servers := registries.ForTest(t, registries.Etcd(options))
			app := registries.EtcdApp{Layout: set.layout, Servers: servers.Addresses(), Login: servers.Login, Service: "orders"}
			holds(t, contract.Live(t, set.name, *record, servers.Addresses()...), set, live(t, app))
		})
	}
}

func live(t *testing.T, app registries.EtcdApp) world {
	started := func(address, id string) *registries.Registrant {
		app.Address, app.ID = address, id
		return registries.EtcdAppForTest(t, app)
	}
	var mine *registries.Registrant
	consumer := started("127.0.0.3:7001", "consumer") // registers nothing
	return world{
		start: func() error {
			if mine != nil {
				mine.Kill() // at once gone, its lease still there
			}
			mine = started(own, "orders-0")
			return mine.Register()
		},
		stop:       func() error { return mine.Deregister() },
		startOther: func() error { return started(other, "orders-1").Register() },
		consumes: func(want ...string) func() error {
			return func() error { return given(consumer, want...) }
		},
	}
}

// given waits until a consumer is given these addresses, and no others.
func given(consumer *registries.Registrant, want ...string) error {
	var got []string
	var err error
	for range 50 {
		if got, err = addresses(consumer); err == nil && slices.Equal(got, want) {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return fmt.Errorf("its consumer has %v, want %v: %w", got, want, errors.Join(err))
}

// addresses are those that a consumer is given, without the scheme and without kratos's second ones.
func addresses(consumer *registries.Registrant) (all []string, err error) {
	got, err := consumer.Instances()
	for _, one := range got {
		if one = one[strings.LastIndex(one, "/")+1:]; strings.HasSuffix(one, ":7001") {
			all = append(all, one)
		}
	}
	slices.Sort(all)
	return all, err
}

// TestLibraries shows what the libraries do about a key that was deleted, and that registry.Leave
// keeps the instance out nevertheless.
func TestLibraries(t *testing.T) {
	contract.Long(t)
	servers := registries.ForTest(t, registries.Etcd(registries.EtcdServer{}))
	for _, test := range []struct {
		layout string
		back   bool
	}{{"kratos", false}, {"kitex", true}} {
		t.Run(test.layout, func(t *testing.T) {
			t.Parallel()
			app := registries.EtcdApp{Layout: test.layout, Servers: servers.Addresses(), Service: "orders", Address: own, ID: "orders-0"}
			mine := registries.EtcdAppForTest(t, app)
			consumer := registries.EtcdAppForTest(t, app)
			if err := mine.Register(); err != nil {
				t.Fatal(err)
			}
			text := "etcd service=orders layout=" + test.layout + " server=" + servers.Addresses()[0]
			c := contract.Open[*etcd.Client](t, etcd.Kind, text)
			if err := c.Withdraw(t.Context(), registry.Spec{}); err != nil {
				t.Fatal(err)
			}
			start := time.Now()
			back := time.Duration(0)
			for back == 0 && time.Since(start) < 40*time.Second { // longer than Kitex looks (30 s) and than kratos's lease (15 s)
				if got, err := addresses(consumer); err != nil {
					t.Fatal(err)
				} else if len(got) > 0 {
					back = time.Since(start)
				}
				time.Sleep(200 * time.Millisecond)
			}
			t.Logf("deleted once; back after (0 if not at all): %v", back)
			if (back > 0) != test.back {
				t.Errorf("back after %v, want back: %v", back, test.back)
			}
			if !test.back {
				return
			}
			kept(t, contract.Spec(t, etcd.Kind, text), c, consumer)
		})
	}
}

// kept leaves for longer than it takes the library to put its key back.
func kept(t *testing.T, spec registry.Spec, c *etcd.Client, consumer *registries.Registrant) {
	ctx, cancel := context.WithTimeout(t.Context(), 65*time.Second)
	defer cancel()
	var mu sync.Mutex
	said := map[string]int{}
	var outAt, backAt time.Time
	longest := time.Duration(0)
	var leaving sync.WaitGroup
	leaving.Go(func() {
		registry.Leave(ctx, spec, c, 5*time.Second, func(e wire.Event) {
			mu.Lock()
			defer mu.Unlock()
			said[e.Event]++
			if e.Event == wire.Out && outAt.IsZero() {
				outAt = e.Time
			}
			t.Logf("%s %s %s", e.Time.Format("15:04:05.000"), e.Event, e.Detail)
		})
	})
	for ctx.Err() == nil {
		got, err := addresses(consumer)
		if err != nil {
			t.Error(err)
		}
		mu.Lock()
		switch {
		case outAt.IsZero() || len(got) == 0:
			backAt = time.Time{}
		case backAt.IsZero():
			backAt = time.Now()
		default:
			longest = max(longest, time.Since(backAt))
		}
		mu.Unlock()
		time.Sleep(50 * time.Millisecond)
	}
	leaving.Wait()
	t.Logf("said %v; a consumer could see it for %v at most", said, longest)
	if said[wire.Back] == 0 || said[wire.Out] != said[wire.Back]+1 || said[wire.Failed] != 0 || said[wire.Record] != 0 || longest > 3*time.Second {
		t.Errorf("said %v; in for %v", said, longest)
	}
}

// TestMemberDies takes the instance out of three members of which one has been killed.
func TestMemberDies(t *testing.T) {
	servers := registries.ForTest(t, registries.Etcd(registries.EtcdServer{Members: 3}))
	app := registries.EtcdAppForTest(t, registries.EtcdApp{Layout: "kitex", Servers: servers.Addresses(), Service: "orders", Address: own})
	if err := app.Register(); err != nil {
		t.Fatal(err)
	}
	text := "etcd service=orders layout=kitex server=" + strings.Join(servers.Addresses(), ",")
	servers.Nodes[0].Kill()
	c := contract.Open[*etcd.Client](t, etcd.Kind, text)
	var err error
	for range 100 { // the others elect a leader, if that was it
		if err = c.Withdraw(t.Context(), registry.Spec{}); err == nil {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	err = c.Confirm(t.Context(), registry.Spec{})
	t.Logf("after %v: %v", time.Since(start), err)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), servers.Addresses()[0]) || time.Since(start) > 4*time.Second {
		t.Errorf("confirmed without a member: %v", err)
	}
	if err := contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kitex server="+strings.Join(servers.Addresses()[1:], ",")).Confirm(t.Context(), registry.Spec{}); err != nil {
		t.Error(err)
	}
	// Two of three are no majority: what the last one has may be old, and it does not say it.
	servers.Nodes[1].Kill()
	start = time.Now()
	err = contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kitex server="+servers.Addresses()[2]).Confirm(t.Context(), registry.Spec{})
	t.Logf("after %v: %v", time.Since(start), err)
	if err == nil || errors.Is(err, registry.ErrIn) || time.Since(start) > 4*time.Second {
		t.Errorf("confirmed without a majority: %v", err)
	}
}

// TestTokenExpires uses a token that the server does not take any more: a change of the password ends them all.
func TestTokenExpires(t *testing.T) {
	servers := registries.ForTest(t, registries.Etcd(registries.EtcdServer{Login: &registries.TestLogin, Prefix: "/microservices/"}))
	t.Setenv("TEST_USER", servers.Login.User)
	t.Setenv("TEST_PASSWORD", servers.Login.Password)
	s := contract.Live(t, "token", false, servers.Addresses()...)
	c := contract.Open[*etcd.Client](t, etcd.Kind, "etcd timeout=10s service=orders layout=kratos username-env=TEST_USER password-env=TEST_PASSWORD server="+s.Servers[0])
	use := func(wantLogins int) {
		t.Helper()
		if err := c.Confirm(t.Context(), registry.Spec{}); err != nil && !errors.Is(err, registry.ErrNoService) {
			t.Error(err)
		}
		if got := s.Calls("/v3/auth/authenticate"); got != wantLogins {
			t.Errorf("it has logged in %d times, want %d", got, wantLogins)
		}
	}
	s.Act("it is used", nil)
	use(1)
	use(1)
	s.Act("its token has ended", func() error { return registries.ChangeEtcdPassword(t.Context(), servers, servers.Login.Password) })
	use(1)
	s.Act("its password has changed", func() error { return registries.ChangeEtcdPassword(t.Context(), servers, "another") })
	if err := c.Confirm(t.Context(), registry.Spec{}); !errors.Is(err, registry.ErrDenied) {
		t.Errorf("renewed with a wrong password: %v", err)
	}
}

// TestNoUsersNoGateway gives a user to a server that has none, which etcd's own client takes, too;
// and asks one that has no gateway.
func TestNoUsersNoGateway(t *testing.T) {
	t.Setenv("TEST_USER", "test")
	for _, test := range []struct {
		options registries.EtcdServer
		want    string
	}{
		{registries.EtcdServer{}, "no such service"},
		{registries.EtcdServer{NoGateway: true}, "--enable-grpc-gateway=false"},
	} {
		servers := registries.ForTest(t, registries.Etcd(test.options))
		_, err := contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kratos username-env=TEST_USER server="+servers.Addresses()[0]).Find(t.Context())
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%v, want %s", err, test.want)
		}
	}
}
