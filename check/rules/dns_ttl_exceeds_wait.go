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
		"less before it stops is called after it is gone. CoreDNS gives 5 s unless its Corefile says otherwise, and kubeadm's says 30. " +
		"A pod of a StatefulSet keeps its name and gets a new address: by that name its old address is called for the TTL, whatever it waited.",
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
			if len(w.Serving) > 0 || w.Finite() || heldByAgent(w) || !slices.ContainsFunc(w.Containers, answers) {
				continue // clients take the other Service, or the agent waits for them
			}
			wait, _ := w.LongestWait()
			switch {
			case wait >= ttl:
			case w.Kind == "StatefulSet": // mostly called by each pod's own name, for which no other pod answers
				p.Report(s.Object, at, "answers live %d s (%s): for that long a client may call the old address of a pod of %s that was replaced", ttl, where, w).
					As(findings.Info, findings.Possible).Of(w).
					Do("Have clients look the name up again when a connection fails, or lower the TTL. For clients that call the Service by its own name, have the pods wait longer than the TTL in the preStop hook; they wait %d s.", wait)
			default:
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
