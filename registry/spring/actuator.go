package spring

import (
	"net"
	"net/netip"
	"path"

	"github.com/lameduck-dev/lameduck/registry"
)

// backends are the properties by which an application says where it registers.
var backends = map[string][]string{
	"eureka":    {"eureka.client.service-url.defaultZone"},
	"nacos":     {"spring.cloud.nacos.discovery.server-addr", "spring.cloud.nacos.server-addr"},
	"consul":    {"spring.cloud.consul.host"},
	"zookeeper": {"spring.cloud.zookeeper.connect-string"},
}

// completeActuator finds out where an application's actuator is: on the application's own port,
// below its own path, unless it has a port of its own.
func completeActuator(spec registry.Spec, a *Application) registry.Spec {
	base, prefix := "server.", "server.servlet.context-path"
	if port, found := a.Property("management.server.port"); found && isPort(port) {
		if own, _ := a.Property("server.port"); port != own {
			base, prefix = "management.server.", "management.server.base-path"
		}
	}
	if spec.Get("server") == "" {
		spec = spec.With("server", listener(a, base))
	}
	if spec.Get("context") == "" {
		before, _ := a.Property(prefix)
		own, found := a.Property("management.endpoints.web.base-path")
		if !found {
			own = "/actuator"
		}
		if context := path.Join("/", before, own); context != "/actuator" {
			spec = spec.With("context", context)
		}
	}
	if spec.Get("backend") == "" {
		spec = spec.With("backend", backendOf(a))
	}
	return spec
}

// listener is where a server of the application listens, as seen from its pod; empty if its
// settings do not say.
func listener(a *Application, base string) string {
	port, found := a.Property(base + "port")
	if !found || !isPort(port) {
		return ""
	}
	host := "127.0.0.1"
	if address, found := a.Property(base + "address"); found {
		if ip, err := netip.ParseAddr(address); err == nil && !ip.IsUnspecified() {
			host = address
		}
	}
	server := net.JoinHostPort(host, port)
	if enabled, _ := a.Property(base + "ssl.enabled"); enabled == "true" {
		return "https://" + server
	}
	return server
}

// backendOf is the registry that the settings name; empty if they name none or several.
func backendOf(a *Application) string {
	only := ""
	for name, properties := range backends {
		for _, property := range properties {
			if _, found := a.Property(property); !found {
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
