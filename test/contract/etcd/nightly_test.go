//go:build registries && nightly

package etcd_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/contract"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/registry/wire"
	"github.com/lameduck-dev/lameduck/test/registries"
)

// TestLibraries shows what the libraries do about a deleted key, and that registry.Leave keeps the
// instance out all the same.
func TestLibraries(t *testing.T) {
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
			for back == 0 && time.Since(start) < 40*time.Second { // longer than Kitex's interval (30 s) and kratos's lease (15 s)
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
			staysOut(t, contract.Spec(t, etcd.Kind, text), c, consumer)
		})
	}
}

// staysOut runs registry.Leave for longer than it takes the library to put its key back.
func staysOut(t *testing.T, spec registry.Spec, c *etcd.Client, consumer *registries.Registrant) {
	ctx, cancel := context.WithTimeout(t.Context(), 65*time.Second)
	defer cancel()
	var mu sync.Mutex
	counts := map[string]int{}
	var outAt, backAt time.Time
	longest := time.Duration(0)
	var leaving sync.WaitGroup
	leaving.Go(func() {
		registry.Leave(ctx, spec, c, 5*time.Second, func(e wire.Event) {
			mu.Lock()
			defer mu.Unlock()
			counts[e.Event]++
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
	t.Logf("events %v; a consumer could see it for %v at most", counts, longest)
	if counts[wire.Back] == 0 || counts[wire.Out] != counts[wire.Back]+1 || counts[wire.Failed] != 0 || counts[wire.Record] != 0 || longest > 3*time.Second {
		t.Errorf("events %v; in for %v", counts, longest)
	}
}
