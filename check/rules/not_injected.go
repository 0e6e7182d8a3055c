package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

// statusAnnotation is on every pod that the webhook has seen.
const statusAnnotation = "lameduck.dev/status"

var notInjected = &check.Rule{
	Name: "not-injected", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A running pod should have been injected and was not",
	Why: "When the webhook does not answer, pods start unchanged rather than not at all. Such a pod has no agent: it stops as it " +
		"would without lameduck, and loses what its routers still send.",
	Remedy: "Check the webhook (lameduck status), then replace the pod: kubectl rollout restart of its owner.",
	Source: "docs/inject.md",
	Object: func(p *check.Pass, o *manifest.Object) {
		// Only a cluster's pod shows what became of it.
		if o.Kind != "Pod" || !o.Root.Get("metadata", "uid").Set() || o.Annotation(statusAnnotation) != "" {
			return
		}
		if o.Spec("hostNetwork").IsTrue() || o.Spec("os", "name").Str() == "windows" || ownedBy(o, "Job") || ownedBy(o, "Node") {
			return // not injected on purpose
		}
		wanted := o.Root.Get("metadata", "labels", injectLabel).Str()
		if wanted == "" {
			if ns := p.Input.Find(o, "Namespace", "", o.Namespace); ns != nil {
				wanted = ns.Root.Get("metadata", "labels", injectLabel).Str()
			}
		}
		if wanted == "true" {
			p.Report(o, nil, "%s is opted in and carries no %s", o, statusAnnotation)
		}
	},
}

func ownedBy(o *manifest.Object, kind string) bool {
	for owner := range o.Root.Get("metadata", "ownerReferences").All() {
		if owner.Get("kind").Str() == kind {
			return true
		}
	}
	return false
}
