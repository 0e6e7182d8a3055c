package rules

import (
	"fmt"
	"math"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

const throttleFlag = "providers.providersthrottleduration"

var routerAppliesLate = &check.Rule{
	Name: "router-applies-late", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Traefik takes changes in less often than the pods behind it wait",
	Why: "Traefik applies what it hears once in providersThrottleDuration (2 s by default). A pod that begins to leave right after one of " +
		"these moments gets requests until the next, and if it is gone before that, they are lost.",
	Remedy: "Bring providersThrottleDuration below the shortest wait of the pods behind Traefik.",
	Source: "https://doc.traefik.io/traefik/providers/overview/#providersprovidersthrottleduration",
	Workload: func(p *check.Pass, w *workload.Workload) {
		for _, c := range w.Containers {
			throttle, at := traefikThrottle(c)
			if at == nil || throttle <= ingressTime {
				continue
			}
			for _, s := range p.Input.Services {
				if !behindTraefik(s) {
					continue
				}
				for _, behind := range s.Workloads {
					wait, how := waitBehind(behind)
					if wait < throttle && behind != w && !behind.Finite() && replaced(behind) {
						p.Report(w.Object, at, "changes are applied once in %d s, and %s%s", throttle, behind, how).Of(behind)
						return
					}
				}
			}
		}
	},
}

// traefikThrottle is Traefik's throttle in seconds, and where it is set; Traefik takes its flags and
// variables in any case.
func traefikThrottle(c *workload.Container) (seconds int64, at *manifest.Node) {
	if c.ImageName() != "traefik" {
		return 0, nil
	}
	for _, list := range []string{"command", "args"} {
		for arg := range c.Node.Get(list).All() {
			name, value, _ := strings.Cut(strings.TrimLeft(arg.Str(), "-"), "=")
			if strings.EqualFold(name, throttleFlag) {
				return wholeSeconds(value), arg
			}
		}
	}
	for e := range c.Node.Get("env").All() {
		if e.Get("name").Str() == "TRAEFIK_PROVIDERS_PROVIDERSTHROTTLEDURATION" {
			return wholeSeconds(e.Get("value").Str()), e.Get("value")
		}
	}
	return 0, nil
}

// behindTraefik reports whether a route leads to a Service that may be Traefik's.
func behindTraefik(s *workload.Service) bool {
	for _, route := range s.Routes {
		class := route.Spec("ingressClassName").Str() + route.Annotation("kubernetes.io/ingress.class")
		if route.Kind != "Ingress" || class == "" || strings.Contains(class, "traefik") {
			return true
		}
	}
	return false
}

// waitBehind is how long a workload's pods go on behind a router that still sends, in seconds: the
// agent waits for it for a careful sleep at most.
func waitBehind(w *workload.Workload) (wait int64, how string) {
	if heldByAgent(w) {
		most := seconds(termination.CarefulSleep)
		return most, fmt.Sprintf(", held by lameduck's agent, waits at most %d s for a router that goes on", most)
	}
	wait, c := w.LongestWait()
	if c == nil {
		return math.MaxInt64, "" // no-prestop reports it
	}
	return wait, fmt.Sprintf(" waits %d s before it stops", wait)
}
