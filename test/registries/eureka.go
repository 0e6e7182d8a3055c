package registries

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// EurekaServer says how a Eureka server is set up.
type EurekaServer struct {
	Peers int    // how many replicate to each other; 0 and 1 mean a single server
	Login *Login // for basic auth
	CSRF  bool   // with Spring Security's default CSRF protection: a PUT answers 401
}

// Eureka is Spring Cloud's Eureka server. Each peer has its own loopback address, since peers don't replicate to
// one with their own host name.
func Eureka(options EurekaServer) Plan {
	plan := Plan{name: "eureka", program: maven("eureka", "eureka"), login: options.Login}
	var urls []string
	for i := range max(1, options.Peers) {
		n := node{host: fmt.Sprintf("127.0.0.%d", i+1), port: freePort(), ready: func(ctx context.Context, n node) error {
			return answers(ctx, "http://"+n.address()+"/eureka/apps")
		}}
		plan.nodes = append(plan.nodes, n)
		urls = append(urls, EurekaURL(n.address(), options.Login))
	}
	for i := range plan.nodes {
		n := &plan.nodes[i]
		properties := append(eurekaProperties(n.host, urls, options.Login),
			"server.address="+n.host, "server.port="+strconv.Itoa(n.port), "test.csrf="+strconv.FormatBool(options.CSRF))
		n.args = func(built, dir string) []string { return java(built, "eureka", "256m", dir, properties...) }
	}
	return plan
}

// eurekaProperties are those of the server at host, which is one of the peers at the URLs.
func eurekaProperties(host string, urls []string, login *Login) []string {
	properties := []string{
		"eureka.instance.hostname=" + host, "eureka.client.service-url.defaultZone=" + strings.Join(urls, ","),
		"test.open=" + strconv.FormatBool(login == nil),
	}
	if len(urls) > 1 {
		properties = append(properties, "eureka.client.register-with-eureka=true", "eureka.client.fetch-registry=true")
	}
	if login != nil {
		properties = append(properties, "spring.security.user.name="+login.User, "spring.security.user.password="+login.Password)
	}
	return properties
}

// EurekaURL is the address as applications write it, with the login in it.
func EurekaURL(address string, login *Login) string {
	if login == nil {
		return "http://" + address + "/eureka/"
	}
	return "http://" + login.User + ":" + login.Password + "@" + address + "/eureka/"
}
