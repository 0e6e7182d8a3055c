package consul

import (
	"net"
	"strings"
	"time"
	"unicode"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is Consul. Deregistered, an instance was out of the leader's answers after 1.1 to 1.5 ms,
// through another agent.
var Kind = registry.Kind{
	Name: "consul", About: "Consul: the instance is deregistered at its agent, or put into maintenance",
	Keys: registry.Keys(registry.ServerKeys, registry.InstanceKeys, registry.TokenKeys, []registry.Key{
		{Name: "by", Help: "deregister or maintenance (deregister: maintenance is not seen by consumers that take instances in any state, as Spring Cloud's do by default)"},
		{Name: "id", Help: "the instance's id (that of the instance with the pod's address)"},
	}),
	Caches: caches.Spring,
	Lag:    100 * time.Millisecond,
	Settings: registry.Settings{
		Properties: map[string][]string{
			"service": {"spring.cloud.consul.discovery.service-name", "spring.application.name"},
			"id":      {"spring.cloud.consul.discovery.instance-id"},
			"ip":      {"spring.cloud.consul.discovery.ip-address"},
			"port":    {"spring.cloud.consul.discovery.port"},
			"token":   {"spring.cloud.consul.discovery.acl-token", "consul.token", "spring.cloud.consul.token"},
		},
		Complete: withAgent,
		Translate: func(key, value string) string {
			if key == "service" || key == "id" {
				return registeredName(value)
			}
			return value
		},
	},
	New: registry.Maker(New),
}

// HostProperty is where an application is configured with its agent's host.
const HostProperty = "spring.cloud.consul.host"

// withAgent puts together the agent's URL, by Spring Cloud Consul's defaults for what is not set;
// if none of it is set, there may be no agent at all.
func withAgent(spec registry.Spec, property registry.Property) registry.Spec {
	host, hasHost := property(HostProperty)
	port, hasPort := property("spring.cloud.consul.port")
	if spec.Get("server") != "" || !hasHost && !hasPort {
		return spec
	}
	if host == "" {
		host = "localhost"
	}
	if !registry.IsPort(port) {
		port = defaultPort
	}
	server := net.JoinHostPort(host, port)
	if scheme, _ := property("spring.cloud.consul.scheme"); scheme != "" {
		server = scheme + "://" + server
	}
	return spec.With("server", server)
}

// registeredName makes a name or an id what Spring Cloud Consul registers it as: each run of other
// characters than letters and digits is one hyphen.
func registeredName(text string) string {
	var out strings.Builder
	hyphen := false
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			out.WriteRune(r)
			hyphen = false
			continue
		}
		if !hyphen {
			out.WriteByte('-')
		}
		hyphen = true
	}
	return out.String()
}
