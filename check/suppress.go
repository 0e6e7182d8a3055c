package check

import (
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// IgnorePrefix starts the annotations that suppress a rule: with the rule's
// name after it, on the object or on its pod template. The value is the
// reason; without one the finding stays.
const IgnorePrefix = "lameduck.dev/ignore."

// ignored reports whether an annotation of the finding's objects suppresses it.
func (d *Draft) ignored() bool {
	for _, o := range []*manifest.Object{d.object, d.also} {
		if o == nil {
			continue
		}
		for _, annotations := range []*manifest.Node{
			o.Root.Get("metadata", "annotations"),
			o.Spec("template", "metadata", "annotations"),
		} {
			if strings.TrimSpace(annotations.Get(IgnorePrefix+d.rule.Name).Str()) != "" {
				return true
			}
		}
	}
	return false
}
