package spring

import (
	"net"
	"strings"
	"unicode"

	"github.com/lameduck-dev/lameduck/registry"
)

// withAgent puts together the agent's URL, by Spring Cloud Consul's defaults for what is not
// set; without anything of it set there is no telling that there is an agent at all.
func withAgent(spec registry.Spec, a *Application) registry.Spec {
	host, hasHost := a.Property("spring.cloud.consul.host")
	port, hasPort := a.Property("spring.cloud.consul.port")
	if !hasHost && !hasPort {
		return spec
	}
	if host == "" {
		host = "localhost"
	}
	if !isPort(port) {
		port = "8500"
	}
	server := net.JoinHostPort(host, port)
	if scheme, _ := a.Property("spring.cloud.consul.scheme"); scheme != "" {
		server = scheme + "://" + server
	}
	return spec.With("server", server)
}

// consulName makes a name or an id what Spring Cloud Consul registers it as: each run of other
// characters than letters and digits is one hyphen.
func consulName(text string) string {
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
