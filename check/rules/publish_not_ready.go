package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var publishNotReady = &check.Rule{
	Name: "publish-not-ready", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "The Service sends to pods that are not ready or are leaving",
	Why: "With publishNotReadyAddresses an endpoint's ready condition never drops, not even when the pod is being deleted. Routers go on " +
		"sending until the pod's object is gone: no wait in a preStop hook ends that, and every request after SIGTERM is refused.",
	Remedy: "Remove publishNotReadyAddresses here, and keep it for a headless Service by which peers find each other.",
	Source: "https://kubernetes.io/docs/reference/kubernetes-api/service-resources/service-v1/#ServiceSpec",
	Service: func(p *check.Pass, s *workload.Service) {
		at := s.Spec("publishNotReadyAddresses")
		if !at.IsTrue() || s.Headless || s.MetricsOnly || len(s.Workloads) == 0 {
			return
		}
		p.Report(s.Object, at, "publishNotReadyAddresses keeps the leaving pods of %s in the Service", s.Workloads[0]).Of(s.Workloads[0])
	},
}
