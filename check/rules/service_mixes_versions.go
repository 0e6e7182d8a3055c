package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// versionLabels tell the versions of one application apart.
var versionLabels = []string{"version", "app.kubernetes.io/version", "track", "color", "slot", "release-track"}

var serviceMixesVersions = &check.Rule{
	Name: "service-mixes-versions", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "Two Services that seem made for one version each select both",
	Why: "Traffic is meant to move from one version to the other by switching Services, but each sends to the pods of both: a " +
		"client of the old version's Service gets the new one, and stopping one version loses requests of both.",
	Remedy: "Add the label that tells the versions apart to both selectors.",
	Source: "https://kubernetes.io/docs/concepts/workloads/management/#canary-deployments",
	Service: func(p *check.Pass, s *workload.Service) {
		if len(s.Workloads) != 2 {
			return
		}
		a, b := s.Workloads[0], s.Workloads[1]
		key := differs(a, b)
		if key == "" || s.Selector.Get(key) != nil {
			return
		}
		for _, other := range a.Services {
			if other != s && other.Name != s.Name && len(other.Workloads) == 2 && other.Workloads[1] == b && meantFor(s, other, a, b, key) {
				p.Report(s.Object, s.Selector, "Services %s and %s both select %s and %s, which differ in label %s", s.Name, other.Name, a, b, key)
				return
			}
		}
	},
}

// differs is the label by which two workloads of one application are told
// apart, "" if they are not.
func differs(a, b *workload.Workload) string {
	for _, key := range versionLabels {
		x, y := a.Label(key).Str(), b.Label(key).Str()
		if x != "" && y != "" && x != y {
			return key
		}
	}
	return ""
}

// meantFor reports whether the two Services' names each hold the version of
// one of the workloads.
func meantFor(s, other *workload.Service, a, b *workload.Workload, key string) bool {
	x, y := a.Label(key).Str(), b.Label(key).Str()
	return contains(s.Name, x) && contains(other.Name, y) || contains(s.Name, y) && contains(other.Name, x)
}
