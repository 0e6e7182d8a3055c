package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

// statusAnnotation is what the webhook leaves on a pod that it has seen.
const statusAnnotation = "lameduck.dev/status"

var notInjected = &check.Rule{
	Name: "not-injected", Family: "hooks",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A running pod was to be injected and was not",
	Why: "When the webhook does not answer, pods start as they are, so that nothing keeps them from starting. Such a pod has no agent: it stops as it " +
		"would without lameduck, and loses what its routers still send.",
	Remedy: "See whether the webhook is well, then replace the pod: kubectl rollout restart of its owner.",
	Source: "docs/inject.md",
	Object: func(p *check.Pass, o *workload.Object) {
		// Only a pod that a cluster has made says what became of it.
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

func ownedBy(o *workload.Object, kind string) bool {
	for owner := range o.Root.Get("metadata", "ownerReferences").All() {
		if owner.Get("kind").Str() == kind {
			return true
		}
	}
	return false
}
