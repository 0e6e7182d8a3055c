package rules

import (
	"path"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// reloadLimits are the settings of ingress controllers that reload: how long what is open may go on in
// the old process, and the annotations by which routes ask for long requests.
var reloadLimits = []struct {
	key, controller string
	asks            []string
}{
	{"worker-shutdown-timeout", "ingress-nginx", []string{"nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.ingress.kubernetes.io/proxy-send-timeout"}},
	{"hard-stop-after", "HAProxy", []string{"haproxy.org/timeout-server", "haproxy.org/timeout-tunnel", "haproxy-ingress.github.io/timeout-server", "haproxy-ingress.github.io/timeout-tunnel"}},
	{"timeout-stop", "HAProxy Ingress", []string{"haproxy-ingress.github.io/timeout-server", "haproxy-ingress.github.io/timeout-tunnel"}},
}

var reloadCutsRequests = &check.Rule{
	Name: "reload-cuts-requests", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A reload of the router cuts requests that its own timeouts allow",
	Why: "A controller that reloads leaves what is open to the old process, and ends that after a time. It reloads when anything in its configuration changes, " +
		"a route, a certificate or with some the endpoints, and each time cuts every request, WebSocket and stream that takes longer, of all applications behind it.",
	Remedy: "Raise the limit to the longest request that a route allows, or lower the route's timeout.",
	Source: "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/#worker-shutdown-timeout, " +
		"https://docs.haproxy.org/2.6/configuration.html#hard-stop-after",
	Object: func(p *check.Pass, o *manifest.Object) {
		if o.Kind != "ConfigMap" {
			return
		}
		for _, limit := range reloadLimits {
			at := o.Root.Get("data", limit.key)
			seconds := wholeSeconds(at.Str())
			if at == nil || seconds == 0 {
				continue
			}
			longest, who := longestAsked(p.Input, o, limit.asks)
			if longest > seconds {
				p.Report(o, at, "%s ends what is open %d s after a reload, and %s allows %d s", limit.controller, seconds, who, longest)
			}
		}
	},
}

// longestAsked is the longest request, in seconds, that the controller's own ConfigMap or an Ingress
// of the input asks for, and which of them does.
func longestAsked(in *workload.Set, config *manifest.Object, keys []string) (longest int64, who string) {
	for _, key := range keys {
		own := path.Base(key) // for all routes
		if seconds := wholeSeconds(config.Root.Get("data", own).Str()); seconds > longest {
			longest, who = seconds, "its "+own
		}
		for _, o := range in.Kind("Ingress") {
			if seconds := wholeSeconds(o.Annotation(key)); seconds > longest {
				longest, who = seconds, o.String()
			}
		}
	}
	return longest, who
}
