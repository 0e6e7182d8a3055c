package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var podsNotRead = &check.Rule{
	Name: "pods-not-read", Family: "deprecated",
	Severity: findings.Info, Confidence: findings.Certain,
	Title: "A kind that makes pods in an unknown way",
	Why: "The object holds containers, but not where the known kinds have their pod template, so no rule has looked at how its pods stop: " +
		"neither timeline of their stop is known.",
	Remedy: "Check its pods with `lameduck check --live`, or the objects that its controller makes.",
	Source: "docs/check.md",
	Object: func(p *check.Pass, o *manifest.Object) {
		if workload.PodsUnread(o) {
			p.Report(o, o.Root.Get("kind"), "%s holds containers, but how a %s makes pods is not known: they were not checked", o, o.Kind)
		}
	},
}
