package agent

import (
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Quiet bounds the quiet window: how long no new connection must have come.
type Quiet struct {
	Floor   time.Duration
	Ceiling time.Duration
}

// The window is n / rate: the time in which the pod's own rate of new connections would
// have brought n. If a router still sent at that rate, none would come in the window with
// the probability e^-n.
//
// confirmedArrivals: 5 %, on top of the barrier's proof; it is for routers that the hub did not
// ask. aloneArrivals: 0.1 %, since without the hub there is no other proof.
const (
	confirmedArrivals = 3
	aloneArrivals     = 7
)

// Without the hub the window is at least aloneFloor: longer than kube-proxy's second between two
// updates, by which routers may stop one after the other. Its ceiling is at least aloneCeiling,
// since a pod with little traffic tells little by its silence.
const (
	aloneFloor   = 3 * time.Second
	aloneCeiling = termination.CarefulSleep
)

// window is for a rate of new connections a second; zero (unknown, or an idle pod) gives the
// ceiling. confirmed: the hub has confirmed the routers.
func (q Quiet) window(rate float64, confirmed bool) time.Duration {
	arrivals, floor, ceiling := float64(confirmedArrivals), q.Floor, q.Ceiling
	if !confirmed {
		arrivals, floor, ceiling = aloneArrivals, max(q.Floor, aloneFloor), max(q.Ceiling, aloneCeiling)
	}
	if rate <= arrivals/ceiling.Seconds() {
		return ceiling
	}
	return max(floor, time.Duration(arrivals/rate*float64(time.Second)))
}
