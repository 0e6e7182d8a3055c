package eureka

import (
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// The copies of an application's list that come before the load balancer's, at their defaults.
const (
	ServerCache = 30 * time.Second // eureka.server.response-cache-update-interval-ms
	FetchCache  = 30 * time.Second // eureka.client.registry-fetch-interval-seconds
)

// Kind is Eureka. Its consumers go by three caches one after the other. Their sum was never seen.
var Kind = registry.Kind{
	Name: "eureka", About: "Eureka: the instance's status is overridden by OUT_OF_SERVICE",
	Keys: registry.Keys(registry.ServerKeys, registry.InstanceKeys, registry.PasswordKeys, []registry.Key{
		{Name: "id", Help: "the instance's id (that of the instance with the pod's address)"},
	}),
	Caches: caches.Times{Name: "Eureka", Most: ServerCache + FetchCache + caches.Balancer, Seen: 60 * time.Second},
	Served: ServerCache,
	Lag:    500 * time.Millisecond,
	Settings: registry.Settings{
		Properties: map[string][]string{
			"server":  {"eureka.client.service-url.defaultZone"},
			"service": {"eureka.instance.appname", "spring.application.name"},
			"id":      {"eureka.instance.instance-id"},
			"ip":      {"eureka.instance.ip-address"},
		},
		LoginInURL: true,
	},
	New: registry.Maker(New),
}
