package rules

import (
	"regexp"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// registryCall is a call to a registry that answers well and does not do what
// hooks want of it.
type registryCall struct {
	of         string // the registry that the manifest must show; empty: the path shows it
	method     *regexp.Regexp
	path       *regexp.Regexp
	without    string
	message    string
	do         string
	confidence findings.Confidence
}

var (
	isDelete = regexp.MustCompile(`(?i)(-X\s*|--request[ =]|--method[ =])"?DELETE`)
	isPost   = regexp.MustCompile(`(?i)(-X\s*|--request[ =]|--method[ =])"?POST|--post-data|\s-d\s|--data`)
	anything = regexp.MustCompile(``)
)

var registryCalls = []registryCall{
	{"", isDelete, regexp.MustCompile(`/nacos/v[123]/(admin/|client/)?ns/instance`), "",
		"DELETE of a Nacos instance answers ok and does nothing for a client on gRPC (2.x and later); one that sends beats (1.x) is back within 4 s",
		"PUT the instance with enabled=false and its current weight, and read the list back after 0.7 s.", findings.Certain},
	{"", isPost, regexp.MustCompile(`/nacos/v[12]/ns/instance.*enabled=false`), "",
		"POST of a Nacos instance with enabled=false answers ok and does nothing for a client on gRPC (2.x and later)",
		"Use PUT with enabled=false and the instance's current weight, and read the list back after 0.7 s.", findings.Likely},
	{"", isDelete, regexp.MustCompile(`/eureka/(v2/)?apps/`), "/status",
		"DELETE of a Eureka instance lasts until its next heartbeat: the client registers again after 15 to 25 s, as UP",
		"PUT …/status?value=OUT_OF_SERVICE, which survives renewals, and wait for the consumers' caches.", findings.Certain},
	{"", anything, regexp.MustCompile(`/v1/catalog/deregister`), "",
		"Consul's catalog/deregister is undone by the agent's next anti-entropy sync",
		"PUT /v1/agent/service/deregister/ID on the agent that registered the service.", findings.Certain},
	{"Consul", anything, regexp.MustCompile(`/v1/agent/service/maintenance/.*enable=true|/serviceregistry.*OUT_OF_SERVICE|OUT_OF_SERVICE.*/serviceregistry`), "",
		"Spring Cloud's consumers send to an instance in Consul's maintenance as before: they take instances in any state unless they set query-passing=true",
		"PUT /v1/agent/service/deregister/ID on the pod's agent, or set spring.cloud.consul.discovery.query-passing=true at every consumer.", findings.Likely},
	{"Nacos", isPost, regexp.MustCompile(`/serviceregistry.*OUT_OF_SERVICE|OUT_OF_SERVICE.*/serviceregistry`), "",
		"Spring's endpoint serviceregistry answers 200 to OUT_OF_SERVICE and does nothing in Nacos, whose client knows only UP and DOWN",
		"POST the status DOWN.", findings.Certain},
	{"", anything, regexp.MustCompile(`/offlineInterface\b`), "/offlineApp",
		"Dubbo's /offlineInterface leaves the application's node: consumers that find it by that, as Dubbo 3's do, go on",
		"Use /offline, which takes both out, and wait 3 s.", findings.Likely},
}

var registryHookNoEffect = &check.Rule{
	Name: "registry-hook-no-effect", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook's call to the registry does not take the instance out",
	Why: "The registry answers that all is well, so the hook looks right; but consumers still see the instance while the hook " +
		"waits, and go on calling it until after SIGTERM.",
	Remedy: "Use the call that was seen to work, and read the registry back before the pod stops; lameduck's agent does both.",
	Source: "measured on Nacos 2.2.4 and 3.1.0, Eureka 4.3.1, Consul 1.16.3 and Dubbo 3.3.6 with their clients; https://developer.hashicorp.com/consul/api-docs/catalog",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for _, command := range c.PreStop.Script().Commands {
				text := command.String()
				for _, call := range registryCalls {
					if !call.path.MatchString(text) || !call.method.MatchString(text) || call.without != "" && strings.Contains(text, call.without) || !call.isOf(p, c) {
						continue
					}
					_, at := c.PreStop.Text()
					p.Report(w.Object, at, "container %s: %s", c.Name, call.message).
						As(findings.Error, call.confidence).Do("%s", call.do)
				}
			}
		}
	},
}

// isOf reports whether the call is made for an application of the registry, as
// far as that counts, and its consumers are not told to see it.
func (call registryCall) isOf(p *check.Pass, c *workload.Container) bool {
	if call.of == "" {
		return true
	}
	registry, _, ok := registered(c)
	return ok && registry.name == call.of && (call.of != "Consul" || !queriesPassing(p.Input.Workloads))
}

// queriesPassing reports whether a consumer of the input asks Consul for healthy
// instances alone.
func queriesPassing(workloads []*workload.Workload) bool {
	for _, w := range workloads {
		for _, c := range w.Containers {
			if s, ok := c.Property("spring.cloud.consul.discovery.query-passing"); ok && strings.EqualFold(s.Value, "true") {
				return true
			}
		}
	}
	return false
}
