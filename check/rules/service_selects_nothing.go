package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
	"github.com/lameduck-dev/lameduck/workload"
)

var serviceSelectsNothing = &check.Rule{
	Name: "service-selects-nothing", Family: "routing",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "The Service's selector misses the pods that it seems meant for",
	Why: "A Service without endpoints refuses every request. It is reported only where a workload of the same input agrees with a part of " +
		"the selector, or has the Service's name, so that a slip is more likely than pods from elsewhere.",
	Remedy: "Bring the selector and the pod template's labels together.",
	Source: "https://kubernetes.io/docs/concepts/services-networking/service/",
	Service: func(p *check.Pass, s *workload.Service) {
		if len(s.Workloads) > 0 || s.Selector.Len() == 0 {
			return
		}
		if w, missed := nearMiss(p.Input, s.Object, s.Selector); w != nil {
			p.Report(s.Object, missed, "the selector wants %s: %s, which %s", missed.Key, short(missed.Str()), labelOf(w, missed.Key)).Of(w)
		}
	},
}

// nearMiss finds the workload that a selector's map seems meant for, and the first pair that it
// lacks. To count, the workload must agree with another pair of the selector, or have the name of
// the object that selects.
func nearMiss(in *workload.Set, from *manifest.Object, selector *manifest.Node) (*workload.Workload, *manifest.Node) {
	for _, w := range in.Namespaced(from.Namespace) {
		var missed *manifest.Node
		agrees := 0
		for want := range selector.All() {
			if w.Label(want.Key).Str() == want.Str() {
				agrees++
			} else if missed == nil {
				missed = want
			}
		}
		sameName := w.Name == from.Name && w.Label(selector.Index(0).Key) != nil
		if missed != nil && (sameName || agrees > 0 && specific(selector, w)) {
			return w, missed
		}
	}
	return nil, nil
}

// specific reports whether one of the pairs that agree names the application,
// and not only a tier, a release or a part of something larger.
func specific(selector *manifest.Node, w *workload.Workload) bool {
	for want := range selector.All() {
		switch want.Key {
		case "app", "k8s-app", "app.kubernetes.io/name":
			// A value that differs here means another application.
			if w.Label(want.Key).Str() != want.Str() {
				return false
			}
		}
	}
	for want := range selector.All() {
		switch want.Key {
		case "app", "k8s-app", "app.kubernetes.io/name":
			// Another component or role of the application is another workload.
			for _, part := range []string{"app.kubernetes.io/component", "component", "role", "tier"} {
				if selector.Get(part) != nil && selector.Get(part).Str() != w.Label(part).Str() {
					return false
				}
			}
			return true
		}
	}
	return false
}

// labelOf says what a workload has in place of a label.
func labelOf(w *workload.Workload, key string) string {
	if have := w.Label(key); have != nil {
		return w.String() + " has as " + short(have.Str())
	}
	return w.String() + " does not have"
}
