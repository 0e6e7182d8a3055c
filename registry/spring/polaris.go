package spring

import (
	"net"
	"net/url"
	"strings"
)

// polarisServers makes the servers for HTTP of those for gRPC, grpc://host:8091, which is how
// Spring Cloud Tencent has them: the same hosts, at Polaris's own port for HTTP.
func polarisServers(text string) string {
	var servers []string
	for _, address := range list(text) {
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "grpc" || u.Hostname() == "" {
			servers = append(servers, address)
			continue
		}
		servers = append(servers, net.JoinHostPort(u.Hostname(), "8090"))
	}
	return strings.Join(servers, ",")
}
