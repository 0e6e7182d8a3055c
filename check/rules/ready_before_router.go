package rules

import (
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// gateLabel makes the AWS load balancer controller inject readiness gates
// into the pods of a namespace.
const gateLabel = "elbv2.k8s.aws/pod-readiness-gate-inject"

var readyBeforeRouter = &check.Rule{
	Name: "ready-before-router", Family: "probes",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "Pods turn ready before the load balancer sends to them",
	Why: "With IP targets a new pod has to be registered and pass the load balancer's own health checks. Kubernetes does not wait for that: " +
		"a rolling update can stop all old targets while the new ones are still initial, and the load balancer has nowhere to send.",
	Remedy: "Label the namespace elbv2.k8s.aws/pod-readiness-gate-inject: enabled.",
	Source: "https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/deploy/pod_readiness_gate/",
	Service: func(p *check.Pass, s *workload.Service) {
		at := ipTargets(s)
		ns := p.Input.Find(s.Object, "Namespace", "", s.Namespace)
		if at == nil || ns == nil || ns.Root.Get("metadata", "labels", gateLabel).Str() == "enabled" {
			return
		}
		for _, w := range s.Workloads {
			gated := false
			for gate := range w.Pod.Get("readinessGates").All() {
				gated = gated || strings.HasPrefix(gate.Get("conditionType").Str(), "target-health.")
			}
			if !gated && replaced(w) {
				p.Report(w.Object, nil, "the load balancer of Service %s sends to the pods' addresses, and nothing makes a rollout wait for it", s.Name).
					Do("Label namespace %s with %s: enabled.", s.Namespace, gateLabel)
			}
		}
	},
}

// ipTargets finds the annotation that makes an AWS load balancer send to pod
// addresses.
func ipTargets(s *workload.Service) *manifest.Node {
	annotations := s.Root.Get("metadata", "annotations")
	if n := annotations.Get("service.beta.kubernetes.io/aws-load-balancer-nlb-target-type"); n.Str() == "ip" {
		return n
	}
	for _, route := range s.Routes {
		if n := route.Root.Get("metadata", "annotations", "alb.ingress.kubernetes.io/target-type"); n.Str() == "ip" {
			return n
		}
	}
	return nil
}
