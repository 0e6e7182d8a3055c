package etcd

import (
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is etcd. It has two kinds of consumers: Kitex asks every 5 s, by its balancer's cache, and
// is waited for twice as long; go-kratos watches. It has no lag: a read gives what the majority of
// its members has.
var Kind = registry.Kind{
	Name: "etcd", About: "etcd 3.4 and later, as go-kratos and Kitex register in it: the instance's key is deleted",
	Keys: registry.Keys([]registry.Key{
		{Name: "server", Help: "all members, host:port or URL, separated by commas"},
		{Name: "service", Help: "the service's name"},
		{Name: "layout", Help: "what the application registers with: kratos or kitex"},
		{Name: "prefix", Help: "of the keys, before the service's name (/microservices for kratos, kitex/registry-etcd for kitex)"},
	}, registry.InstanceKeys[1:], registry.TLSKeys, registry.PasswordKeys),
	Caches: caches.Times{Name: "etcd", Most: 10 * time.Second, Seen: 5 * time.Second},
	New:    registry.Maker(New),
}
