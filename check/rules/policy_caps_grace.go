package rules

import (
	"regexp"
	"strconv"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

const graceField = "terminationGracePeriodSeconds"

var celGrace = regexp.MustCompile(graceField + `\s*:\s*([0-9]+)`)

var policyCapsGrace = &check.Rule{
	Name: "policy-caps-grace", Family: "budget",
	Severity: findings.Warning, Confidence: findings.Likely,
	Title: "A mutating policy sets a grace period shorter than workloads ask for",
	Why: "The policy changes pods as they are created, after every check of the manifest. The kubelet sees only the " +
		"result: hooks and shutdowns that fit the manifest's grace period are killed at the policy's.",
	Remedy: "Let the policy add the field only where it is absent (Kyverno: +(terminationGracePeriodSeconds)), or exclude the workload.",
	Source: "https://kyverno.io/docs/policy-types/cluster-policy/mutate/",
	Object: func(p *check.Pass, o *manifest.Object) {
		seconds, at, ok := imposedGrace(o)
		if !ok {
			return
		}
		for _, w := range p.Input.Workloads {
			grace, set := w.Grace()
			if !set.Set() || grace <= seconds || o.Namespace != "" && o.Namespace != w.Namespace {
				continue
			}
			p.Report(o, at, "the policy sets %d s on the pods that it matches; %s asks for %d s", seconds, w, grace).Of(w)
			return
		}
	},
}

// imposedGrace finds the grace period that a policy writes into pods.
func imposedGrace(o *manifest.Object) (seconds int64, at *manifest.Node, ok bool) {
	switch o.Kind {
	case "ClusterPolicy", "Policy":
		for rule := range o.Spec("rules").All() {
			if at = find(rule.Get("mutate"), graceField); at != nil {
				seconds, ok = at.Int()
				return seconds, at, ok
			}
		}
	case "MutatingAdmissionPolicy":
		for mutation := range o.Spec("mutations").All() {
			at = mutation.Get("applyConfiguration", "expression")
			if m := celGrace.FindStringSubmatch(at.Str()); m != nil {
				seconds, err := strconv.ParseInt(m[1], 10, 64)
				return seconds, at, err == nil
			}
		}
	case "Assign":
		if o.Spec("location").Str() == "spec."+graceField {
			at = o.Spec("parameters", "assign", "value")
			seconds, ok = at.Int()
			return seconds, at, ok
		}
	}
	return 0, nil, false
}

// find is the first value of a key anywhere below n.
func find(n *manifest.Node, key string) *manifest.Node {
	for c := range n.All() {
		if c.Key == key {
			return c
		}
		if found := find(c, key); found != nil {
			return found
		}
	}
	return nil
}
