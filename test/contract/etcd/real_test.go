//go:build registries

package etcd_test

import (
	"errors"
	"flag"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/test/registries"
)

var record = flag.Bool("record", false, "record the tapes again")

// TestReal checks the client against the real server, with applications using the real libraries.
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
				mine.Kill() // gone at once, with its lease still there
			}
			mine = started(own, "orders-0")
			return mine.Register()
		},
		stop:       func() error { return mine.Deregister() },
		startOther: func() error { return started(other, "orders-1").Register() },
		consumes: func(want ...string) func() error {
			return func() error {
				return contract.Given(5*time.Second, func() ([]string, error) { return addresses(consumer) }, want...)
			}
		},
	}
}

// addresses are the addresses that a consumer gets, without the scheme and without kratos's second ones.
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

// TestMemberDies takes the instance out of a cluster of three with one member killed.
func TestMemberDies(t *testing.T) {
	servers := registries.ForTest(t, registries.Etcd(registries.EtcdServer{Members: 3}))
	app := registries.EtcdAppForTest(t, registries.EtcdApp{Layout: "kitex", Servers: servers.Addresses(), Service: "orders", Address: own})
	if err := app.Register(); err != nil {
		t.Fatal(err)
	}
	text := "etcd service=orders layout=kitex server=" + strings.Join(servers.Addresses(), ",")
	servers.Nodes[0].Kill()
	c := contract.Open[*etcd.Client](t, etcd.Kind, text)
	// The others elect a leader, in case the killed one was.
	contract.Eventually(t, 10*time.Second, func() error { return c.Withdraw(t.Context(), registry.Spec{}) })
	start := time.Now()
	err := c.Confirm(t.Context(), registry.Spec{})
	t.Logf("after %v: %v", time.Since(start), err)
	if err == nil || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), servers.Addresses()[0]) || time.Since(start) > 4*time.Second {
		t.Errorf("confirmed without a member: %v", err)
	}
	if err := contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kitex server="+strings.Join(servers.Addresses()[1:], ",")).Confirm(t.Context(), registry.Spec{}); err != nil {
		t.Error(err)
	}
	// With two of three down there is no majority: what the last one has may be old, so it must not answer.
	servers.Nodes[1].Kill()
	start = time.Now()
	err = contract.Open[*etcd.Client](t, etcd.Kind, "etcd service=orders layout=kitex server="+servers.Addresses()[2]).Confirm(t.Context(), registry.Spec{})
	t.Logf("after %v: %v", time.Since(start), err)
	if err == nil || errors.Is(err, registry.ErrIn) || time.Since(start) > 4*time.Second {
		t.Errorf("confirmed without a majority: %v", err)
	}
}

// TestTokenExpires uses a token that the server no longer accepts: a change of the password invalidates them all.
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
			t.Errorf("the client logged in %d times, want %d", got, wantLogins)
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

// TestNoUsersNoGateway logs in to a server without users, which etcd's own client allows too;
// and asks a server without a gateway.
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
