package rules

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// warmupAnnotation says how many seconds after it is ready the application can take its full load.
const warmupAnnotation = "lameduck.dev/warm-up-seconds"

var slowStart = regexp.MustCompile(`slow_start\.duration_seconds=([0-9]+)`)

var warmupExceedsMinReady = &check.Rule{
	Name: "warmup-exceeds-min-ready", Family: "rollout",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "A rolling update does not wait until new pods are warm",
	Why: "The router gives a new pod its full share only after a while; the update counts it as a full replacement as soon as it is ready, " +
		"and stops the next warm one. With the last pod the whole load falls on cold ones, and requests time out.",
	Remedy: "Set minReadySeconds to the warm-up time.",
	Source: "https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#min-ready-seconds",
	Workload: func(p *check.Pass, w *workload.Workload) {
		if w.Kind != "Deployment" && w.Kind != "StatefulSet" && w.Kind != "DaemonSet" {
			return
		}
		warm, where := warmup(p.Input, w)
		at := w.Spec("minReadySeconds")
		if ready := at.IntOr(0); warm > ready {
			seconds := strconv.FormatInt(warm, 10)
			p.Report(w.Object, at, "%s: a new pod is warm after %d s (%s), minReadySeconds is %d", w, warm, where, ready).
				Fix(manifest.Put(w.Root.Get("spec"), "minReadySeconds", seconds))
		}
	},
}

// warmup is the time that the input gives a new pod, in seconds, and where.
func warmup(in *workload.Set, w *workload.Workload) (seconds int64, where string) {
	if n := w.PodAnnotation(warmupAnnotation); n != nil {
		if s, err := strconv.ParseInt(n.Str(), 10, 64); err == nil {
			return s, "annotation " + warmupAnnotation
		}
	}
	for _, s := range w.Services {
		for _, o := range append([]*manifest.Object{s.Object}, s.Routes...) {
			for _, key := range targetGroupAttributes {
				if m := slowStart.FindStringSubmatch(o.Annotation(key)); m != nil {
					n, _ := strconv.ParseInt(m[1], 10, 32) // digits, by the expression
					return n, "slow start of " + o.String()
				}
			}
		}
		for _, rule := range in.Kind("DestinationRule") {
			host, _, _ := strings.Cut(rule.Spec("host").Str(), ".")
			if host != s.Name || rule.Namespace != s.Namespace {
				continue
			}
			balancer := rule.Spec("trafficPolicy", "loadBalancer")
			for _, at := range []*manifest.Node{balancer.Get("warmupDurationSecs"), balancer.Get("warmup", "duration")} {
				if d, ok := duration(at.Str(), time.Second); ok && d > 0 {
					return ceil(d.Seconds()), "warm-up of " + rule.String()
				}
			}
		}
	}
	return 0, ""
}

// targetGroupAttributes are the annotations of the AWS load balancer
// controller, on Ingress and Service.
var targetGroupAttributes = []string{
	"alb.ingress.kubernetes.io/target-group-attributes",
	"service.beta.kubernetes.io/aws-load-balancer-target-group-attributes",
}
