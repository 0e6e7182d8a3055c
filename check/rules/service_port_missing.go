package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var servicePortMissing = &check.Rule{
	Name: "service-port-missing", Family: "routing",
	Severity: findings.Error, Confidence: findings.Certain,
	Title:  "The Service's targetPort names a port that no selected pod has",
	Why:    "The name is resolved pod by pod. A pod without it gets no endpoint for the port, and the Service refuses every request to it.",
	Remedy: "Use the name of one of the pods' ports, or the number.",
	Source: "https://kubernetes.io/docs/concepts/services-networking/service/#field-spec-ports",
	Service: func(p *check.Pass, s *workload.Service) {
		if s.Headless {
			return // its clients take the pods' addresses and bring their own port
		}
		for port := range s.Spec("ports").All() {
			target := port.Get("targetPort")
			if target.Str() == "" || isNumber(target.Str()) {
				continue
			}
			for _, w := range s.Workloads {
				if !hasPort(w, target.Str()) && !w.Finite() { // a Job's pod is simply not an endpoint
					p.Report(s.Object, target, "targetPort %q is not a port of %s", target.Str(), w).Of(w)
				}
			}
		}
	},
}

func isNumber(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func hasPort(w *workload.Workload, name string) bool {
	for _, c := range w.Running() {
		for p := range c.Node.Get("ports").All() {
			if p.Get("name").Str() == name {
				return true
			}
		}
	}
	return false
}
