package rules

import (
	"regexp"
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// targetGroupAttributes are the annotations of the AWS load balancer
// controller, on Ingress and Service.
var targetGroupAttributes = []string{
	"alb.ingress.kubernetes.io/target-group-attributes",
	"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
}

var deregistrationDelay = regexp.MustCompile(`deregistration_delay\.timeout_seconds=([0-9]+)`)

var deregistrationExceedsGrace = &check.Rule{
	Name: "deregistration-exceeds-grace", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The load balancer lets requests run longer than the pod lives",
	Why: "While a target deregisters, the load balancer gives its open requests up to the deregistration delay to finish. " +
		"A pod whose grace period is shorter is killed before they are done.",
	Remedy: "Bring the deregistration delay below the grace period, or raise terminationGracePeriodSeconds above the delay.",
	Source: "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html",
	Service: func(p *check.Pass, s *workload.Service) {
		for _, o := range append([]*manifest.Object{s.Object}, s.Routes...) {
			delay, at := deregistration(o)
			if at == nil {
				continue
			}
			for _, w := range s.Workloads {
				if grace, set := w.Grace(); delay > grace {
					p.Report(o, at, "the deregistration delay is %d s, the pods of %s live %d s at most%s", delay, w, grace, byDefault(set)).Of(w)
				}
			}
		}
	},
}

// deregistration is the delay that an object's annotations set, in seconds.
func deregistration(o *manifest.Object) (int64, *manifest.Node) {
	for _, key := range targetGroupAttributes {
		at := o.Root.Get("metadata", "annotations", key)
		if m := deregistrationDelay.FindStringSubmatch(at.Str()); m != nil {
			if seconds, err := strconv.ParseInt(m[1], 10, 64); err == nil {
				return seconds, at
			}
		}
	}
	return 0, nil
}
