package verify

import (
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// forgetTime is how long after a pod has left the slices nobody can blame a router for sending to it:
// kube-proxy's minSyncPeriod, and the time of the watches.
const forgetTime = time.Second

// blame says whose fault a loss was, once it is attributed: the pod's, if routers could not know yet that
// it leaves; a router's, if it sent to a pod that it should have forgotten; nobody's, if no pod was leaving.
// It stays empty where that can't be told.
//
// Both ends of the time in between are of this program's clock: a request is sent after it was due, and a
// slice has changed before the change was seen. So the pod was out of the slices at least that long.
func (a *attribution) blame(loss *report.Loss) {
	switch {
	case loss.Kind == report.Late: // that was us
		return
	case len(loss.Pods) == 0:
		loss.Fault = report.NobodysFault
		return
	}
	first := true
	for _, name := range loss.Pods {
		fault, out := a.faultOf(name, loss)
		switch {
		case first:
			loss.Fault, first = fault, false
			loss.OutOfSlices = milliseconds(out)
		case fault != loss.Fault:
			loss.Fault, loss.OutOfSlices = "", 0
			return
		case out > 0:
			loss.OutOfSlices = min(loss.OutOfSlices, milliseconds(out))
		}
	}
}

// faultOf is whose fault it was if this pod was the one, and for how long that had been out of the slices
// when the router chose it.
func (a *attribution) faultOf(name string, loss *report.Loss) (report.Fault, time.Duration) {
	chosen := !loss.Reused || a.routed || loss.Hint != "" // for this request, and not for its connection
	if !chosen || knewNoPod(loss.Hint) {
		return report.PodsFault, 0
	}
	for i := range a.pods {
		if pod := &a.pods[i]; pod.Pod.Name == name && !pod.SliceNotReady.IsZero() {
			if out := loss.Intended.Sub(pod.SliceNotReady); out >= forgetTime {
				return report.RoutersFault, out
			}
		}
	}
	return report.PodsFault, 0
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
