package registry

import (
	"time"

	"github.com/lameduck-dev/lameduck/registry/caches"
)

// testKinds stand for those that there are, which this package does not know.
var testKinds = Kinds{
	{
		Name: "nacos", Caches: caches.Spring, Lag: 700 * time.Millisecond,
		Keys: Keys(ServerKeys, InstanceKeys, PasswordKeys, TokenKeys, []Key{{Name: "group"}, {Name: "context"}, {Name: "api"}, {Name: "weight"}, {Name: "ephemeral"}}),
	},
	{
		Name: "eureka", Caches: caches.Times{Most: caches.Unknown}, Served: 30 * time.Second, Lag: 500 * time.Millisecond,
		Keys: Keys(ServerKeys, InstanceKeys),
	},
	{Name: "zookeeper", Caches: caches.Spring, Keys: Keys(ServerKeys, InstanceKeys)},
}
