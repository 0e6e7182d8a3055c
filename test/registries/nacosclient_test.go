//go:build registries

package registries

import (
	"testing"
	"time"
)

// within polls until seen is true.
func within(t *testing.T, limit time.Duration, what string, seen func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !seen() {
		if time.Since(begin) > limit {
			t.Fatalf("not seen within %v: %s", limit, what)
		}
		time.Sleep(50 * time.Millisecond)
	}
	return time.Since(begin)
}

func TestNacosClientsRegisterAndSee(t *testing.T) {
	for name, plan := range map[string]func() Plan{"nacos2-auth": Plans()["nacos2-auth"], "nacos3-auth": Plans()["nacos3-auth"]} {
		servers := ForTest(t, plan())
		for _, version := range []string{NacosClient14, NacosClient24, NacosClient31} {
			t.Run(name+"/"+version, func(t *testing.T) {
				app := NacosApp{Version: version, Servers: servers.Addresses(), Login: servers.Login,
					Service: "orders", Group: "g", Cluster: "c", Port: 7001, Weight: 2}
				provider, subscriber := NacosClientForTest(t, app), NacosClientForTest(t, app)
				if err := provider.Register(t.Context()); err != nil {
					t.Fatal(err)
				}
				if err := subscriber.Subscribe(t.Context()); err != nil {
					t.Fatal(err)
				}
				t.Logf("seen after %v", within(t, 20*time.Second, "the instance", func() bool {
					all, selected, err := subscriber.Instances(t.Context())
					return err == nil && len(all) == 1 && len(selected) == 1 && all[0].Cluster == "c" && all[0].Weight == 2 && all[0].Enabled
				}))
				if err := provider.Deregister(t.Context()); err != nil {
					t.Fatal(err)
				}
				within(t, 20*time.Second, "its end, pushed", func() bool {
					changes := subscriber.Changes()
					return len(changes) > 0 && len(changes[len(changes)-1].Instances) == 0
				})
			})
		}
	}
}
