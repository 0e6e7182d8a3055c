package verify

import (
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/report"
)

const (
	// A pod is taken for the cause this long before its deletion was seen: watches are not instant.
	watchLag = 250 * time.Millisecond
	// Right after its stop a pod is as good a cause as one that is stopping: kube-proxy's
	// minSyncPeriod is 1 s.
	stopFresh = time.Second
	// How long a lagging router may go on using a stopped pod's address.
	stopStale = 60 * time.Second
)

// attribution attributes losses to pods.
type attribution struct {
	pods     []report.PodLine  // that were on their way out
	received map[string]string // request -> pod that says that it received it
	address  string            // of the target, when it is an address
	routed   bool              // a router chooses a pod for each request
}

// attribute finds the pod and phase of one loss, where they are not known already.
func (a *attribution) attribute(loss *report.Loss) {
	at := moment(loss)
	if loss.Confidence != report.Certain {
		if pod := a.seenWith(loss); pod != "" {
			loss.Pods, loss.Confidence = []string{pod}, report.Certain
		}
	}
	if loss.Confidence == report.ByConnection && a.routed {
		loss.Pods, loss.Confidence = nil, "" // which pod a connection met before says nothing
	}
	if loss.Confidence != "" {
		loss.Phase = string(a.phase(loss.Pods[0], loss, at))
		return
	}
	loss.Confidence = report.ByTime
	loss.Phase = report.Elsewhere
	if loss.Kind == report.Late {
		return // that was us
	}
	phases := map[termination.Phase]bool{}
	for _, pod := range a.leaving(at) {
		phase := phaseOf(pod, loss, at)
		phases[phase] = true
		loss.Pods = append(loss.Pods, pod.Pod.Name)
		loss.Phase = string(phase)
	}
	if len(phases) > 1 {
		loss.Phase = report.Several
	}
}

// all attributes every loss of the result, and counts them by phase and by pod.
func (a *attribution) all(out *report.Verify) {
	for i := range out.Losses {
		loss := &out.Losses[i]
		a.attribute(loss)
		a.blame(loss)
		out.Phases[loss.Phase]++
		if len(loss.Pods) != 1 {
			continue
		}
		for j := range a.pods {
			if a.pods[j].Pod.Name == loss.Pods[0] {
				a.pods[j].Losses++
			}
		}
	}
}

// moment is when the cause of a loss was at work: for a failure, when it was seen; for an answer
// that never came, when the request was due.
func moment(loss *report.Loss) time.Time {
	if loss.Kind == report.Timeout || loss.Kind == report.Unsent {
		return loss.Intended
	}
	return loss.Seen
}

// seenWith is the pod whose ledger has this request, or whose address the load was sent to.
func (a *attribution) seenWith(loss *report.Loss) string {
	// A masked request was received by the pod that answered it in the end, which is not the one
	// that failed.
	if pod := a.received[loss.ID]; pod != "" && loss.Kind != report.Masked {
		return pod
	}
	for i := range a.pods {
		if a.address != "" && slices.Contains(a.pods[i].Pod.IPs, a.address) {
			return a.pods[i].Pod.Name
		}
	}
	return ""
}

// phase is the phase of the pod called name; a pod that is not leaving serves.
func (a *attribution) phase(name string, loss *report.Loss, at time.Time) termination.Phase {
	for i := range a.pods {
		if a.pods[i].Pod.Name == name {
			return phaseOf(&a.pods[i], loss, at)
		}
	}
	return termination.Serving
}

// leaving are the pods that may be the cause of a loss at the given time: those on their way out
// or just stopped, and only if there are none, those that stopped a while ago.
func (a *attribution) leaving(at time.Time) []*report.PodLine {
	var near, stale []*report.PodLine
	for i := range a.pods {
		pod := &a.pods[i]
		steps := pod.Steps
		if len(steps) == 0 || at.Before(steps[0].Time.Add(-watchLag)) {
			continue
		}
		last := steps[len(steps)-1]
		ended := last.Phase == termination.Stopped || last.Phase == termination.Killed
		switch since := at.Sub(last.Time); {
		case !ended || since < stopFresh:
			near = append(near, pod)
		case since < stopStale:
			stale = append(stale, pod)
		}
	}
	if near != nil {
		return near
	}
	return stale
}

// phaseOf is the phase in which a leaving pod lost the request. Just before its deletion was seen,
// it counts as seen; a request cut off by the pod's end was lost in the phase before.
func phaseOf(pod *report.PodLine, loss *report.Loss, at time.Time) termination.Phase {
	steps := pod.Steps
	if len(steps) == 0 {
		return termination.Serving
	}
	if at.Before(steps[0].Time) && at.After(steps[0].Time.Add(-watchLag)) {
		return steps[0].Phase
	}
	last := len(steps) - 1
	ended := steps[last].Phase == termination.Stopped || steps[last].Phase == termination.Killed
	if ended && last > 0 && !at.Before(steps[last].Time) && loss.Intended.Before(steps[last].Time) {
		return steps[last-1].Phase
	}
	line := termination.Timeline{Steps: steps}
	return line.PhaseAt(at)
}

// leavesAt orders pods by their first step.
func leavesAt(pod *report.PodLine) time.Time {
	if len(pod.Steps) > 0 {
		return pod.Steps[0].Time
	}
	return pod.Gone
}
