package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var routerTimeoutExceedsGrace = &check.Rule{
	Name: "router-timeout-exceeds-grace", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Possible,
	Title: "The router lets requests take longer than the pod lives",
	Why: "A proxy timeout of an hour means that some requests take long: uploads, streams, WebSockets. The pod that answers them ends with its " +
		"grace period, and a rolling update cuts them all.",
	Remedy: "Raise terminationGracePeriodSeconds to what these requests need, or have clients resume what is cut.",
	Source: "https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/#custom-timeouts",
	Service: func(p *check.Pass, s *workload.Service) {
		for _, route := range append([]*manifest.Object{s.Object}, s.Routes...) {
			seconds, at := longRequests(route)
			for _, w := range s.Workloads {
				if grace, set := w.Grace(); seconds > max(grace, usualTimeout) && !w.Finite() {
					p.Report(route, at, "requests may take %d s, the pods of %s live %d s at most%s", seconds, w, grace, byDefault(set)).Of(w)
					break
				}
			}
		}
	},
}

// usualTimeout is what proxies set themselves, in seconds: it says nothing about the requests.
const usualTimeout = 60

// timeoutAnnotations set how long a request may take.
var timeoutAnnotations = []string{
	"nginx.ingress.kubernetes.io/proxy-read-timeout", "nginx.ingress.kubernetes.io/proxy-send-timeout",
	"nginx.org/proxy-read-timeout", "haproxy.org/timeout-server", "haproxy-ingress.github.io/timeout-server",
	"projectcontour.io/response-timeout",
}

// longRequests is the longest time that a router gives a request, in seconds.
func longRequests(o *manifest.Object) (seconds int64, at *manifest.Node) {
	see := func(n *manifest.Node) {
		if d := wholeSeconds(n.Str()); d > seconds {
			seconds, at = d, n
		}
	}
	for _, key := range timeoutAnnotations {
		see(o.Root.Get("metadata", "annotations", key))
	}
	for rule := range o.Spec("rules").All() {
		see(rule.Get("timeouts", "request"))
	}
	return seconds, at
}
