package rules

import (
	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/report/findings"
)

var duplicateKey = &check.Rule{
	Name: "duplicate-key", Family: "deprecated",
	Severity: findings.Warning, Confidence: findings.Certain,
	Title: "A key appears twice in one mapping",
	Why: "kubectl takes the last value and says nothing; the API server's strict validation and other YAML readers refuse the file. A change " +
		"to the first value, a grace period or a hook, changes nothing on either timeline of a stop.",
	Remedy: "Keep the intended value, and remove the other.",
	Source: "https://yaml.org/spec/1.2.2/#3213-node-comparison",
	Object: func(p *check.Pass, o *manifest.Object) {
		for _, n := range o.Overruled {
			p.Report(o, n, "%s is set again below; this value does not count", n.Key)
		}
	},
}
