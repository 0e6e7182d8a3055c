package rules

import (
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

// ignoreAnnotation knows the names of the other rules.
func ignoreAnnotation(others []*check.Rule) *check.Rule {
	const self = "ignore-annotation"
	known := func(name string) bool {
		return name == self || slices.ContainsFunc(others, func(r *check.Rule) bool { return r.Name == name })
	}
	return &check.Rule{
		Name: self, Family: "deprecated",
		Severity: findings.Warning, Confidence: findings.Certain,
		Title: "An annotation meant to suppress a rule does not",
		Why: "An annotation without a reason, or for a rule that does not exist, suppresses nothing, although its author believes that it does, " +
			"on either timeline of the stop that the rule is about.",
		Remedy: "Write lameduck.dev/ignore.RULE: \"the reason\", with a name that `lameduck rules` lists.",
		Source: "docs/check.md",
		Object: func(p *check.Pass, o *manifest.Object) {
			look := func(annotations *manifest.Node) {
				if annotations == nil {
					return // as nearly always, and then it need not cost memory
				}
				for n := range annotations.All() {
					name, ok := strings.CutPrefix(n.Key, check.IgnorePrefix)
					switch {
					case !ok:
					case !known(name):
						p.Report(o, n, "no rule is called %q", name)
					case strings.TrimSpace(n.Str()) == "":
						p.Report(o, n, "the annotation for %s gives no reason", name)
					}
				}
			}
			look(o.Root.Get("metadata", "annotations"))
			look(o.Spec("template", "metadata", "annotations"))
		},
	}
}
