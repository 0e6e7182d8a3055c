package actuator

import (
	"net"
	"net/netip"
	"path"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/consul"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/registry/nacos"
	"github.com/lameduck-dev/lameduck/registry/zookeeper"
)

// Kind is Spring Boot's endpoint. Its consumers are those of the registry behind it; unknown, of the
// slowest.
var Kind = registry.Kind{
	Name: "actuator", About: "Spring Boot's endpoint serviceregistry in the pod: the application sets its status in its registry",
	Keys: registry.Keys([]registry.Key{
		{Name: "server", Help: "the application's actuator, host:port or URL (127.0.0.1 and the port found in Spring's settings)"},
		{Name: "service", Help: "the application's name, for the log (found in Spring's settings)"},
		{Name: "backend", Help: "its registry: eureka, nacos, consul or zookeeper (found in Spring's settings, or by the answer)"},
		{Name: "context", Help: "path of the actuator (/actuator, or that found in Spring's settings)"},
	}, registry.TLSKeys, registry.PasswordKeys),
	Caches: eureka.Kind.Caches,
	Lag:    700 * time.Millisecond,
	InPod:  true,
	Behind: registry.Kinds{eureka.Kind, nacos.Kind, consul.Kind, zookeeper.Kind},
	Settings: registry.Settings{
		Properties: map[string][]string{
			"service":  {"spring.application.name"},
			"username": {"spring.security.user.name"},
			"password": {"spring.security.user.password"},
		},
		Complete: complete,
	},
	New: registry.Maker(New),
}

// complete finds out where an application's actuator is: on the application's own port, below its
// own path, unless it has a port of its own.
func complete(spec registry.Spec, property registry.Property) registry.Spec {
	base, prefix := "server.", "server.servlet.context-path"
	if port, found := property("management.server.port"); found && registry.IsPort(port) {
		if own, _ := property("server.port"); port != own {
			base, prefix = "management.server.", "management.server.base-path"
		}
	}
	if spec.Get("server") == "" {
		spec = spec.With("server", listener(property, base))
	}
	if spec.Get("context") == "" {
		before, _ := property(prefix)
		own, found := property("management.endpoints.web.base-path")
		if !found {
			own = defaultContext
		}
		if context := path.Join("/", before, own); context != defaultContext {
			spec = spec.With("context", context)
		}
	}
	if spec.Get("backend") == "" {
		spec = spec.With("backend", backendOf(property))
	}
	return spec
}

// listener is where a server of the application listens, as seen from its pod; empty if its
// settings do not say.
func listener(property registry.Property, base string) string {
	port, found := property(base + "port")
	if !found || !registry.IsPort(port) {
		return ""
	}
	host := "127.0.0.1"
	if address, found := property(base + "address"); found {
		if ip, err := netip.ParseAddr(address); err == nil && !ip.IsUnspecified() {
			host = address
		}
	}
	server := net.JoinHostPort(host, port)
	if enabled, _ := property(base + "ssl.enabled"); enabled == "true" {
		return "https://" + server
	}
	return server
}

// registers are the properties by which an application says where it registers.
var registers = map[string][]string{
	eureka.Kind.Name:    eureka.Kind.Settings.Properties["server"],
	nacos.Kind.Name:     nacos.Kind.Settings.Properties["server"],
	consul.Kind.Name:    {consul.HostProperty},
	zookeeper.Kind.Name: zookeeper.Kind.Settings.Properties["server"],
}

// backendOf is the registry that the settings name; empty if they name none or several.
func backendOf(property registry.Property) string {
	only := ""
	for name, properties := range registers {
		for _, one := range properties {
			if _, found := property(one); !found {
				continue
			}
			if only != "" && only != name {
				return ""
			}
			only = name
		}
	}
	return only
}
