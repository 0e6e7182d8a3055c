package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/workload"
)

// registryClient says how a manifest shows that an application registers
// itself, and how it shows that it does not. What registers in etcd (go-kratos,
// Kitex) has no settings of its own that a manifest would show.
type registryClient struct {
	name     string
	property string   // the registry's address
	config   string   // in spring.config.import: the same address is that of a source of configuration
	off      []string // properties that switch the registration off when false
}

// dubbo is the registry of a Dubbo application, whichever that is.
const dubbo = "the Dubbo registry"

var registryClients = []registryClient{
	{"Eureka", "eureka.client.service-url.defaultZone", "", []string{"eureka.client.enabled", "eureka.client.register-with-eureka"}},
	{"Nacos", "spring.cloud.nacos.discovery.server-addr", "", []string{"spring.cloud.nacos.discovery.enabled", "spring.cloud.nacos.discovery.register-enabled"}},
	{"Consul", "spring.cloud.consul.host", "consul:", springOff("consul")},
	{"ZooKeeper", "spring.cloud.zookeeper.connect-string", "zookeeper:", springOff("zookeeper")},
	{"Polaris", "spring.cloud.polaris.address", "polaris", springOff("polaris")},
	{dubbo, "dubbo.registry.address", "", []string{"dubbo.registry.register"}},
}

// kind is the registry's name in lameduck's annotation.
func (r registryClient) kind() string {
	if r.name == dubbo {
		return "dubbo"
	}
	return strings.ToLower(r.name)
}

// springOff are the switches that several of Spring Cloud's clients have alike.
func springOff(client string) []string {
	prefix := "spring.cloud." + client + "."
	return []string{prefix + "enabled", prefix + "discovery.enabled", prefix + "discovery.register"}
}

// everyOff switch the registration off whatever the registry.
var everyOff = []string{"spring.cloud.discovery.enabled", "spring.cloud.service-registry.auto-registration.enabled"}

// registered finds the registry in which a container registers itself.
func registered(c *workload.Container) (registryClient, workload.Setting, bool) {
	for _, r := range registryClients {
		s, ok := c.Property(r.property)
		if !ok || s.Value == "" || strings.EqualFold(s.Value, "N/A") || r.onlyConfigures(c) {
			continue
		}
		if !isFalse(c, r.off) && (r.name == dubbo || !isFalse(c, everyOff)) {
			return r, s, true
		}
	}
	return registryClient{}, workload.Setting{}, false
}

// onlyConfigures reports whether the address may be there for configuration
// alone, which the client fetches from the same servers.
func (r registryClient) onlyConfigures(c *workload.Container) bool {
	if r.config == "" {
		return false
	}
	s, ok := c.Property("spring.config.import")
	return ok && strings.Contains(s.Value, r.config)
}

// isFalse reports whether one of the properties is set to false.
func isFalse(c *workload.Container, properties []string) bool {
	for _, property := range properties {
		if s, set := c.Property(property); set && strings.EqualFold(strings.TrimSpace(s.Value), "false") {
			return true
		}
	}
	return false
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
