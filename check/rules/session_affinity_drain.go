package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// longDrain is a grace period, in seconds, that is there for connections that
// stay: WebSockets, streams, sessions.
const longDrain = 120

var sessionAffinityDrain = &check.Rule{
	Name: "session-affinity-drain", Family: "routing",
	Severity: findings.Info, Confidence: findings.Likely,
	Title: "Session affinity ends when the pod begins to leave, open connections do not",
	Why: "Affinity by client address holds as long as the pod is an endpoint. When it begins to leave, the client's new connections go to " +
		"another pod at once, while those that are open stay here to the end of the drain: for minutes one session lives in two pods, and what " +
		"one of them keeps in memory the other does not have.",
	Remedy: "Keep sessions outside the pods, or have the server close its long connections when the drain begins, so that the client moves as a whole.",
	Source: "https://kubernetes.io/docs/reference/networking/virtual-ips/#session-affinity",
	Service: func(p *check.Pass, s *workload.Service) {
		at := s.Spec("sessionAffinity")
		if at.Str() != "ClientIP" || s.Headless {
			return
		}
		for _, w := range s.Workloads {
			if grace, _ := w.Grace(); grace >= longDrain && !w.Finite() {
				p.Report(s.Object, at, "clients keep to one pod by their address, and the pods of %s may drain for %d s", w, grace).Of(w)
			}
		}
	},
}
