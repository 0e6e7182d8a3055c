package nacos

import (
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is Nacos.
var Kind = registry.Kind{
	Name: "nacos", About: "Nacos 1.x, 2.x and 3.x: the instance is disabled",
	Keys: registry.Keys(registry.ServerKeys, registry.InstanceKeys, registry.PasswordKeys, registry.TokenKeys, []registry.Key{
		{Name: "namespace", Help: "namespace's id, not its name (public)"},
		{Name: "group", Help: "group (DEFAULT_GROUP)"},
		{Name: "cluster", Help: "cluster, where the instance is looked for (all)"},
		{Name: "context", Help: "path before the API's (/nacos)"},
		{Name: "api", Help: "v1 or v3 (asked of the server)"},
		{Name: "weight", Help: "in a record: the weight that was found"},
		{Name: "ephemeral", Help: "in a record: whether it is kept by beats"},
	}),
	Caches: caches.Spring,
	Lag:    700 * time.Millisecond,
	Settings: registry.Settings{Properties: map[string][]string{
		"server":    {"spring.cloud.nacos.discovery.server-addr", "spring.cloud.nacos.server-addr"},
		"service":   {"spring.cloud.nacos.discovery.service", "spring.application.name"},
		"namespace": {"spring.cloud.nacos.discovery.namespace"},
		"group":     {"spring.cloud.nacos.discovery.group"},
		"cluster":   {"spring.cloud.nacos.discovery.cluster-name"},
		"ip":        {"spring.cloud.nacos.discovery.ip"},
		"port":      {"spring.cloud.nacos.discovery.port"},
		"username":  {"spring.cloud.nacos.discovery.username", "spring.cloud.nacos.username"},
		"password":  {"spring.cloud.nacos.discovery.password", "spring.cloud.nacos.password"},
	}},
	New: registry.Maker(New),
}
