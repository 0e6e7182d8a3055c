package termination

import "time"

// Kind says what sort of fact a piece of evidence is.
type Kind string

// The kinds of facts.
const (
	SliceNotReady   Kind = "SliceNotReady"   // an EndpointSlice no longer offers the pod; subject: namespace/name
	StillOffered    Kind = "StillOffered"    // something goes on offering the pod; subject: the slice or Service; detail: why
	BarrierPassed   Kind = "BarrierPassed"   // a node's kube-proxy has programmed that change; subject: node
	BarrierMissed   Kind = "BarrierMissed"   // a node did not answer within the barrier's bound; subject: node
	RegistryOut     Kind = "RegistryOut"     // a registry read back without the instance; subject: registry
	RouterForgot    Kind = "RouterForgot"    // a router says that it sends to the pod no more; subject: its pod and kind
	Quiet           Kind = "Quiet"           // no new inbound connection for a window; detail: the window
	Drained         Kind = "Drained"         // no connection was busy
	HookDone        Kind = "HookDone"        // the pod's own preStop hook ended; detail: its result
	NotTerminating  Kind = "NotTerminating"  // the pod has no deletionTimestamp: nobody was told that it leaves
	Unreachable     Kind = "Unreachable"     // a source of evidence could not be asked; detail: the error
	DeadlineReached Kind = "DeadlineReached" // a part of the budget was spent before its end was seen; subject: the part
)

// Evidence is one observed fact with its time and source.
type Evidence struct {
	Time    time.Time `json:"time"`
	Kind    Kind      `json:"kind"`
	Source  string    `json:"source"`            // who saw it: "agent", "hub", "kube-proxy"
	Subject string    `json:"subject,omitempty"` // what it is about
	Detail  string    `json:"detail,omitempty"`  // for people
}
