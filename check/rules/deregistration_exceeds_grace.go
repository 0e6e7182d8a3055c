package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var deregistrationExceedsGrace = &check.Rule{
	Name: "deregistration-exceeds-grace", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The load balancer lets requests run longer than the pod lives",
	Why: "While a target that is a pod deregisters, the load balancer gives its open requests and connections up to the deregistration delay to finish. " +
		"A pod whose grace period is shorter is killed before they are done.",
	Remedy: "Bring the deregistration delay below the grace period, or raise terminationGracePeriodSeconds above the delay.",
	Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html, " +
		"https://cloud.google.com/kubernetes-engine/docs/how-to/ingress-configuration#draining_timeout",
	Service: func(p *check.Pass, s *workload.Service) {
		for _, b := range balancersOf(s) {
			if b.at == nil || !b.ToPods {
				continue // a load balancer that sends to nodes does not deregister them for a pod
			}
			delay := seconds(b.Delay)
			for _, w := range s.Workloads {
				_, set := w.Grace()
				how := byDefault(set)
				if injected(w) {
					how = ", as injection leaves them"
				}
				if grace := admittedGrace(w); delay > grace {
					p.Report(b.set, b.at, "%s lets connections go on for %d s, the pods of %s live %d s at most%s", b.Name, delay, w, grace, how).Of(w)
				}
			}
		}
	},
}
