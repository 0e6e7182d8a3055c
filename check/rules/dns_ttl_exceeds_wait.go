package rules

import (
	"regexp"
	"slices"
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

const externalDNSTTL = "external-dns.alpha.kubernetes.io/ttl"

var dnsTTLExceedsWait = &check.Rule{
	Name: "dns-ttl-exceeds-wait", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "DNS answers with the pods' addresses outlive the pods' wait",
	Why: "A headless Service's clients connect to pod addresses from DNS. A resolver hands an old answer out for its TTL; a pod that waits " +
		"less before it stops is called after it is gone. CoreDNS gives 5 s unless its Corefile says otherwise, and kubeadm's says 30.",
	Remedy: "Lower the TTL below the wait, or wait longer than the TTL in the preStop hook.",
	Source: "https://coredns.io/plugins/kubernetes/, https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/",
	Service: func(p *check.Pass, s *workload.Service) {
		if !s.Headless {
			return
		}
		at := s.Root.Get("metadata", "annotations", externalDNSTTL)
		if ttl, err := strconv.ParseInt(at.Str(), 10, 64); err == nil {
			for _, w := range s.Workloads {
				if wait, _ := w.LongestWait(); wait < ttl && !heldByAgent(w) {
					p.Report(s.Object, at, "the TTL is %d s, the pods of %s wait %d s before they stop", ttl, w, wait).Of(w)
				}
			}
			return
		}
		at = s.Spec("clusterIP")
		if at.Str() != "None" || s.MetricsOnly {
			return
		}
		config, ttl := clusterDNS(p, s)
		where, confidence := "", findings.Likely
		if config != nil {
			where = "ttl in " + config.String()
		} else {
			ttl, where, confidence = dnsTime, "the TTL that kubeadm sets up; CoreDNS's own default is 5 s", findings.Possible
		}
		for _, w := range s.Workloads {
			if w.Kind == "StatefulSet" || len(w.Serving) > 0 || w.Finite() || heldByAgent(w) || !slices.ContainsFunc(w.Containers, answers) {
				continue // each pod is called by its own name, or clients take the other Service
			}
			if wait, _ := w.LongestWait(); wait < ttl {
				p.Report(s.Object, at, "answers live %d s (%s), the pods of %s wait %d s before they stop", ttl, where, w, wait).
					As(findings.Warning, confidence).Of(w)
			}
		}
	},
}

// dnsTTL finds the ttl of the kubernetes plugin in a Corefile.
var dnsTTL = regexp.MustCompile(`(?m)^\s*kubernetes\b[^{}#\n]*\{[^{}]*?^\s*ttl\s+([0-9]{1,4})\b`)

// clusterDNS is CoreDNS's configuration and the longest time for which it lets
// resolvers keep a Service's answer; nil if the input does not show it.
func clusterDNS(p *check.Pass, s *workload.Service) (config *manifest.Object, ttl int64) {
	config = p.Input.Find(s.Object, "ConfigMap", "kube-system", "coredns")
	if config == nil {
		return nil, 0
	}
	for _, m := range dnsTTL.FindAllStringSubmatch(config.Root.Get("data", "Corefile").Str(), -1) {
		seconds, _ := strconv.ParseInt(m[1], 10, 64) // digits, by the expression
		ttl = max(ttl, seconds)
	}
	return config, ttl
}
