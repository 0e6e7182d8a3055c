package rules

import (
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

const externalDNSTTL = "external-dns.alpha.kubernetes.io/ttl"

var dnsTTLExceedsWait = &check.Rule{
	Name: "dns-ttl-exceeds-wait", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "DNS answers with the pods' addresses outlive the pods' wait",
	Why: "A headless Service's clients connect to pod addresses from DNS. A resolver hands an old answer out for its TTL; a pod that waits " +
		"less before it stops is called after it is gone.",
	Remedy: "Lower the TTL below the wait, or wait longer than the TTL in the preStop hook.",
	Source: "https://kubernetes-sigs.github.io/external-dns/latest/docs/annotations/annotations/",
	Service: func(p *check.Pass, s *workload.Service) {
		at := s.Root.Get("metadata", "annotations", externalDNSTTL)
		ttl, err := strconv.ParseInt(at.Str(), 10, 64)
		if err != nil || !s.Headless {
			return
		}
		for _, w := range s.Workloads {
			if wait, _ := w.LongestWait(); wait < ttl && !injected(w) {
				p.Report(s.Object, at, "the TTL is %d s, the pods of %s wait %d s before they stop", ttl, w, wait).Of(w)
			}
		}
	},
}
