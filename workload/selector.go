package workload

// matchLabels reports whether labels hold every pair of a selector's map.
func matchLabels(selector, labels *Node) bool {
	for want := range selector.All() {
		have := labels.Get(want.Key)
		if have == nil || have.Value != want.Value {
			return false
		}
	}
	return true
}

// MatchSelector evaluates a LabelSelector; one that is absent matches nothing,
// an empty one everything.
func MatchSelector(selector, labels *Node) bool {
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
