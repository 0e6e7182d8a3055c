package termination

import "time"

// Phase is where a pod stands on its way out. A pod only moves forward, in the order of the
// constants; Stopped and Killed are the two ends.
type Phase string

// The phases, in order.
const (
	Serving  Phase = "Serving"  // routers send to it and should
	LameDuck Phase = "LameDuck" // not ready for routers, still accepting
	Draining Phase = "Draining" // nothing new arrives; what is in flight finishes
	Stopping Phase = "Stopping" // SIGTERM was sent
	Stopped  Phase = "Stopped"  // exited by itself
	Killed   Phase = "Killed"   // SIGKILL had to end it
)

// rank orders the phases; both ends share a rank, since a pod has only one of them.
func (p Phase) rank() int {
	switch p {
	case Serving:
		return 0
	case LameDuck:
		return 1
	case Draining:
		return 2
	case Stopping:
		return 3
	case Stopped, Killed:
		return 4
	}
	return -1
}

// Valid reports whether p is one of the phases.
func (p Phase) Valid() bool { return p.rank() >= 0 }

// Before reports whether a pod passes p before it can reach q.
func (p Phase) Before(q Phase) bool { return p.rank() < q.rank() }

// Step is the moment at which a phase began.
type Step struct {
	Phase Phase     `json:"phase"`
	Time  time.Time `json:"time"`
}
