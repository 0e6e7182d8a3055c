package hub

import (
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// How many nodes an answer names: all that missed are of interest, but an answer must stay below
// hubapi.MaxResponse. How many passed is also given as a number.
const (
	maxMissed = 300
	maxPassed = 100
	maxFacts  = 100
)

// lookEvidence is what the slices say, and since when the pod is in or out.
func lookEvidence(look view.State) []termination.Evidence {
	var facts []termination.Evidence
	add := func(kind termination.Kind, from []view.Fact) {
		for _, fact := range from {
			facts = append(facts, termination.Evidence{Time: look.At, Kind: kind, Source: "hub", Subject: fact.Subject, Detail: fact.Detail})
		}
	}
	add(termination.StillOffered, look.Stuck)
	add(termination.StillOffered, look.Waiting)
	add(termination.SliceNotReady, look.Left)
	if len(facts) == 0 {
		facts = append(facts, termination.Evidence{Time: look.At, Kind: termination.SliceNotReady, Source: "hub", Detail: "no EndpointSlice holds the pod"})
	}
	return facts[:min(len(facts), maxFacts)]
}

// barrierEvidence joins the verdicts of all families: a node that missed in one has missed.
func barrierEvidence(verdicts []barrier.Verdict) (passed, missed []termination.Evidence) {
	lost := map[string]bool{}
	for _, v := range verdicts {
		if !v.Passed && !lost[v.Node] {
			lost[v.Node] = true
			missed = append(missed, termination.Evidence{Time: v.Time, Kind: termination.BarrierMissed, Source: "kube-proxy", Subject: v.Node, Detail: v.Why})
		}
	}
	latest := map[string]int{}
	for _, v := range verdicts {
		if lost[v.Node] {
			continue
		}
		if i, twice := latest[v.Node]; twice {
			if v.Time.After(passed[i].Time) {
				passed[i].Time = v.Time
			}
			continue
		}
		latest[v.Node] = len(passed)
		passed = append(passed, termination.Evidence{Time: v.Time, Kind: termination.BarrierPassed, Source: "kube-proxy", Subject: v.Node})
	}
	return passed, missed
}

func abridge(facts, missed, passed []termination.Evidence) []termination.Evidence {
	all := append([]termination.Evidence{}, facts...)
	all = append(all, missed[:min(len(missed), maxMissed)]...)
	return append(all, passed[:min(len(passed), maxPassed)]...)
}
