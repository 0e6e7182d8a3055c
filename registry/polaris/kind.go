package polaris

import (
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is Polaris. Its lag is how often a server renews what it gives clients.
var Kind = registry.Kind{
	Name: "polaris", About: "Polaris: the instance is isolated",
	Keys: registry.Keys(registry.ServerKeys, registry.InstanceKeys, registry.TokenKeys, []registry.Key{
		{Name: "namespace", Help: "namespace (default)"},
	}),
	Caches: caches.Spring,
	Lag:    time.Second,
	Settings: registry.Settings{
		Properties: map[string][]string{
			"server":    {"spring.cloud.polaris.address"},
			"service":   {"spring.cloud.polaris.discovery.service", "spring.cloud.polaris.service", "spring.application.name"},
			"namespace": {"spring.cloud.polaris.discovery.namespace", "spring.cloud.polaris.namespace"},
			"ip":        {"spring.cloud.polaris.local-ip-address"},
		},
		Translate: func(key, value string) string {
			if key == "server" {
				return httpServers(value)
			}
			return value
		},
	},
	New: registry.Maker(New),
}

// httpServers makes the servers for HTTP of those for gRPC, grpc://host:8091, which is how
// Spring Cloud Tencent has them: the same hosts, at Polaris's own port for HTTP.
func httpServers(text string) string {
	var servers []string
	for address := range strings.SplitSeq(text, ",") {
		address = strings.TrimSpace(address)
		if u, err := url.Parse(address); err == nil && u.Scheme == "grpc" && u.Hostname() != "" {
			address = net.JoinHostPort(u.Hostname(), defaultPort)
		}
		if address != "" {
			servers = append(servers, address)
		}
	}
	return strings.Join(servers, ",")
}
