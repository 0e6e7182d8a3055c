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
	{isDelete, regexp.MustCompile(`/nacos/v[123]/(admin/|client/)?ns/instance`), "",
		"DELETE of a Nacos instance answers ok and does nothing for a client on gRPC (2.x and later); one that sends beats (1.x) is back within 4 s",
		"PUT the instance with enabled=false and its current weight, and read the list back after 0.7 s.", findings.Certain},
	{isPost, regexp.MustCompile(`/nacos/v[12]/ns/instance.*enabled=false`), "",
		"POST of a Nacos instance with enabled=false answers ok and does nothing for a client on gRPC (2.x and later)",
		"Use PUT with enabled=false and the instance's current weight, and read the list back after 0.7 s.", findings.Likely},
	{isDelete, regexp.MustCompile(`/eureka/(v2/)?apps/`), "/status",
		"DELETE of a Eureka instance lasts until its next heartbeat: the client registers again after 15 to 25 s, as UP",
		"PUT …/status?value=OUT_OF_SERVICE, which survives renewals, and wait for the consumers' caches.", findings.Certain},
	{anything, regexp.MustCompile(`/v1/catalog/deregister`), "",
		"Consul's catalog/deregister is undone by the agent's next anti-entropy sync",
		"PUT /v1/agent/service/deregister/ID on the agent that registered the service.", findings.Certain},
}

var registryHookNoEffect = &check.Rule{
	Name: "registry-hook-no-effect", Family: "hooks",
	Severity: findings.Error, Confidence: findings.Certain,
	Title: "The hook's call to the registry does not take the instance out",
	Why: "The registry answers that all is well, so the hook looks right; but consumers still see the instance while the hook " +
		"waits, and go on calling it until after SIGTERM.",
	Remedy: "Use the call that was seen to work, and read the registry back before the pod stops; lameduck's agent does both.",
	Source: "measured on Nacos 2.2.4 and 3.1.0 and Eureka 4.3.1 with their clients; https://developer.hashicorp.com/consul/api-docs/catalog",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Running() {
			for _, command := range c.PreStop.Script().Commands {
				text := strings.Join(command.Words, " ")
				for _, call := range registryCalls {
					if !call.path.MatchString(text) || !call.method.MatchString(text) || call.without != "" && strings.Contains(text, call.without) {
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
