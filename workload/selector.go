package workload

import (
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// matchLabels reports whether labels hold every pair of a selector's map.
func matchLabels(selector, labels *manifest.Node) bool {
	for want := range selector.All() {
		have := labels.Get(want.Key)
		if have == nil || have.Value != want.Value {
			return false
		}
	}
	return true
}

// podNameLabel names one pod of a StatefulSet.
const podNameLabel = "statefulset.kubernetes.io/pod-name"

// setByController reports whether pods get a label from their controller, so
// that no template shows it.
func setByController(key string) bool {
	switch key {
	case podNameLabel, "apps.kubernetes.io/pod-index", "pod-template-hash", "controller-revision-hash",
		"batch.kubernetes.io/job-name", "job-name", "batch.kubernetes.io/controller-uid":
		return true
	}
	return false
}

// matches evaluates a Service's selector against the pods of a workload, with
// the labels that its controller adds.
func (w *Workload) matches(selector *manifest.Node) bool {
	labels := w.Meta.Get("labels")
	for want := range selector.All() {
		have := labels.Get(want.Key)
		switch {
		case have != nil && have.Value == want.Value:
		case have == nil && want.Key == podNameLabel:
			if w.Kind != "StatefulSet" || !strings.HasPrefix(want.Value, w.Name+"-") {
				return false
			}
		case have == nil && setByController(want.Key):
		default:
			return false
		}
	}
	return true
}

// MatchSelector evaluates a LabelSelector; one that is absent matches nothing,
// an empty one everything.
func MatchSelector(selector, labels *manifest.Node) bool {
	if !selector.Set() || !matchLabels(selector.Get("matchLabels"), labels) {
		return false
	}
	for e := range selector.Get("matchExpressions").All() {
		label := labels.Get(e.Get("key").Str())
		in := false
		for v := range e.Get("values").All() {
			in = in || label != nil && v.Str() == label.Value
		}
		switch e.Get("operator").Str() {
		case "In":
			if !in {
				return false
			}
		case "NotIn":
			if in {
				return false
			}
		case "Exists":
			if label == nil {
				return false
			}
		case "DoesNotExist":
			if label != nil {
				return false
			}
		default:
			return false
		}
	}
	return true
}
