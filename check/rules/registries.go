package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/workload"
)

// registryClient says how a manifest shows that an application registers
// itself, and how it shows that it does not.
type registryClient struct {
	name     string
	property string   // the registry's address
	off      []string // properties that switch the registration off when false
}

var registryClients = []registryClient{
	{"Eureka", "eureka.client.service-url.defaultZone", []string{"eureka.client.enabled", "eureka.client.register-with-eureka"}},
	{"Nacos", "spring.cloud.nacos.discovery.server-addr", []string{"spring.cloud.nacos.discovery.enabled", "spring.cloud.nacos.discovery.register-enabled"}},
	{"Consul", "spring.cloud.consul.host", []string{"spring.cloud.consul.enabled", "spring.cloud.consul.discovery.enabled", "spring.cloud.consul.discovery.register"}},
	{"the Dubbo registry", "dubbo.registry.address", []string{"dubbo.registry.register"}},
}

// registered finds the registry in which a container registers itself.
func registered(c *workload.Container) (registryClient, workload.Setting, bool) {
	for _, r := range registryClients {
		s, ok := c.Property(r.property)
		if !ok || s.Value == "" || strings.EqualFold(s.Value, "N/A") {
			continue
		}
		for _, property := range append(r.off, "spring.cloud.service-registry.auto-registration.enabled") {
			if v, set := c.Property(property); set && strings.EqualFold(v.Value, "false") {
				ok = false
			}
		}
		if ok {
			return r, s, true
		}
	}
	return registryClient{}, workload.Setting{}, false
}

// onlyWaits reports whether a hook does nothing but sleep, so that it surely
// withdraws nothing.
func onlyWaits(h *workload.Hook) bool {
	if h == nil || h.Sleep != nil {
		return true
	}
	if h.Exec == nil {
		return false
	}
	script := h.Script()
	for _, command := range script.Commands {
		if name := command.Name(); name != "sleep" && name != "echo" && name != "true" {
			return false
		}
	}
	return script.Complete && len(script.Commands) > 0
}
