package spring

import (
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/registry"
)

// names are the properties in which a registry's client has a key of a spec, the strongest first.
var names = map[string]map[string][]string{
	"nacos": {
		"server":    {"spring.cloud.nacos.discovery.server-addr", "spring.cloud.nacos.server-addr"},
		"service":   {"spring.cloud.nacos.discovery.service", "spring.application.name"},
		"namespace": {"spring.cloud.nacos.discovery.namespace"},
		"group":     {"spring.cloud.nacos.discovery.group"},
		"cluster":   {"spring.cloud.nacos.discovery.cluster-name"},
		"ip":        {"spring.cloud.nacos.discovery.ip"},
		"port":      {"spring.cloud.nacos.discovery.port"},
		"username":  {"spring.cloud.nacos.discovery.username", "spring.cloud.nacos.username"},
		"password":  {"spring.cloud.nacos.discovery.password", "spring.cloud.nacos.password"},
	},
	"eureka": {
		"server":  {"eureka.client.service-url.defaultZone"},
		"service": {"eureka.instance.appname", "spring.application.name"},
		"id":      {"eureka.instance.instance-id"},
		"ip":      {"eureka.instance.ip-address"},
	},
	"zookeeper": {
		"server":  {"spring.cloud.zookeeper.connect-string"},
		"service": {"spring.application.name"},
		"root":    {"spring.cloud.zookeeper.discovery.root"},
		"port":    {"spring.cloud.zookeeper.discovery.instance-port"},
	},
	"zookeeper dubbo": {
		"server":   {"dubbo.registry.address"},
		"service":  {"dubbo.application.name", "spring.application.name"},
		"root":     {"dubbo.registry.group"},
		"username": {"dubbo.registry.username"},
		"password": {"dubbo.registry.password"},
	},
	"consul": {
		"service": {"spring.cloud.consul.discovery.service-name", "spring.application.name"},
		"id":      {"spring.cloud.consul.discovery.instance-id"},
		"ip":      {"spring.cloud.consul.discovery.ip-address"},
		"port":    {"spring.cloud.consul.discovery.port"},
		"token":   {"spring.cloud.consul.discovery.acl-token", "consul.token", "spring.cloud.consul.token"},
	},
	"actuator": {
		"service":  {"spring.application.name"},
		"username": {"spring.security.user.name"},
		"password": {"spring.security.user.password"},
	},
	"polaris": {
		"server":    {"spring.cloud.polaris.address"},
		"service":   {"spring.cloud.polaris.discovery.service", "spring.cloud.polaris.service", "spring.application.name"},
		"namespace": {"spring.cloud.polaris.discovery.namespace", "spring.cloud.polaris.namespace"},
		"ip":        {"spring.cloud.polaris.local-ip-address"},
	},
	"dubbo": {
		"server":  {"dubbo.application.qos-port", "dubbo.qos.port"},
		"service": {"dubbo.application.name", "spring.application.name"},
	},
}

// Complete fills in what a spec leaves open with what the application itself is configured
// with, and adds the ports that it serves on. Credentials that are found go along unseen: they
// are no part of the spec's text.
func Complete(spec registry.Spec, pod registry.Pod, a *Application) (registry.Spec, registry.Pod, error) {
	if spec.Kind == "consul" && spec.Get("server") == "" {
		spec = withAgent(spec, a)
	}
	if spec.Kind == "actuator" {
		spec = completeActuator(spec, a)
	}
	for key, properties := range namesOf(spec) {
		if given(spec, key) {
			continue
		}
		for _, property := range properties {
			value, found := a.Property(property)
			if !found || value == "" || key == "port" && !isPort(value) {
				continue
			}
			value = translate(spec.Kind, key, value)
			var err error
			if spec, err = spec.Fill(key, value); err != nil {
				return spec, pod, fmt.Errorf("%w (found as the application's %s; give %s= to overrule it)", err, property, key)
			}
			break
		}
	}
	if spec.Kind == "eureka" || spec.Kind == "zookeeper" {
		spec = takeLogin(spec)
	}
	if len(pod.Ports) == 0 {
		if text, found := a.Property("server.port"); found && isPort(text) {
			port, _ := strconv.ParseUint(text, 10, 16) // by isPort
			pod.Ports = []uint16{uint16(port)}
		}
	}
	return spec, pod, nil
}

// translate makes what a spec takes of what an application is configured with.
func translate(kind, key, value string) string {
	switch {
	case kind == "polaris" && key == "server":
		return polarisServers(value)
	case key == "server" && isPort(value): // the application's own
		return net.JoinHostPort("127.0.0.1", value)
	case kind == "consul" && (key == "service" || key == "id"):
		return consulName(value)
	}
	return value
}

// namesOf are the properties of a kind, or of its layout where that has its own.
func namesOf(spec registry.Spec) map[string][]string {
	if own := names[spec.Kind+" "+spec.Get("layout")]; own != nil {
		return own
	}
	return names[spec.Kind]
}

// given reports whether the spec has a key, or has credentials of its own: then those of the
// application are not mixed with them.
func given(spec registry.Spec, key string) bool {
	if key == "username" || key == "password" || key == "token" {
		for _, own := range []string{"username-env", "username-file", "password-env", "password-file", "token-env", "token-file"} {
			if spec.Get(own) != "" {
				return true
			}
		}
	}
	return spec.Get(key) != ""
}

func isPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port != 0
}

// takeLogin takes user and password out of URLs, where Eureka's and Dubbo's clients have them.
func takeLogin(spec registry.Spec) registry.Spec {
	var servers []string
	for _, server := range spec.List("server") {
		u, err := url.Parse(server)
		if err != nil || u.User == nil {
			servers = append(servers, server)
			continue
		}
		if password, has := u.User.Password(); has && !given(spec, "password") {
			spec = spec.WithSecret("username", u.User.Username()).WithSecret("password", password)
		}
		u.User = nil
		servers = append(servers, u.String())
	}
	return spec.With("server", strings.Join(servers, ","))
}
