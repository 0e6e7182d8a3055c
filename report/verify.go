package report

import (
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// VerifySchema names the JSON form of Verify. It changes when a field changes its meaning.
const VerifySchema = "lameduck.dev/verify/v1"

// Verify is the result of one verify run: what was asked for, what was lost, and the
// timeline of every pod that was on its way out meanwhile.
type Verify struct {
	Schema  string    `json:"schema"`
	Target  string    `json:"target"` // URL
	Rate    float64   `json:"rate"`   // requests per second, all lanes together
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended"`
	Action  *Action   `json:"action,omitempty"`
	Totals  Counts    `json:"totals"`
	Lanes   []Lane    `json:"lanes"`
	// Phases counts lost and masked requests by the phase of the pod that they are attributed to;
	// besides the phases of a termination there are Elsewhere and Several.
	Phases        map[string]int `json:"phases,omitempty"`
	Losses        []Loss         `json:"losses,omitempty"`        // lost and masked requests, in the order of their intended start
	LossesOmitted int            `json:"lossesOmitted,omitempty"` // counted, but not listed and not in Phases
	Pods          []PodLine      `json:"pods,omitempty"`          // pods that left during the run
	Ledger        *Ledger        `json:"ledger,omitempty"`        // only when the target keeps one
	Lateness      Quantiles      `json:"lateness"`                // from a request's intended start until the load generator began with it
	Notes         []string       `json:"notes,omitempty"`         // what could not be seen, and why
}

// Action is what was done to the workload while the load ran.
type Action struct {
	Name    string    `json:"name"`
	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`             // the action was complete and the pods it stopped were gone
	Failure string    `json:"failure,omitempty"` // why it failed; the run then proves nothing
}

// Counts of requests. Requests = OK + Lost + Masked. Unsent is the part of Lost that could not be
// sent in time, of the kinds Unsent and Late. Told is the part of OK that the server ended early and
// said so, as a protocol has a server do that goes away: a WebSocket closed with 1001, a stream
// brought to its proper end.
type Counts struct {
	Requests int          `json:"requests"` // intended by the schedule
	OK       int          `json:"ok"`
	Lost     int          `json:"lost"`
	Unsent   int          `json:"unsent"`
	Masked   int          `json:"masked"`
	Told     int          `json:"told,omitempty"`
	Kinds    map[Kind]int `json:"kinds,omitempty"` // lost and masked requests by kind
}

// Add adds o to c.
func (c *Counts) Add(o Counts) {
	c.Requests += o.Requests
	c.OK += o.OK
	c.Lost += o.Lost
	c.Unsent += o.Unsent
	c.Masked += o.Masked
	c.Told += o.Told
	for kind, n := range o.Kinds {
		if c.Kinds == nil {
			c.Kinds = map[Kind]int{}
		}
		c.Kinds[kind] += n
	}
}

// Lane is the part of the load that was sent in one way.
type Lane struct {
	Name   string  `json:"name"`
	Rate   float64 `json:"rate"` // requests per second
	Counts Counts  `json:"counts"`
	// Latency of the requests that were answered, from their intended start, in the windows
	// Before, During and After the action.
	Latency map[Window]Quantiles `json:"latency"`
}

// Window is a part of the run: a request belongs to the one in which it was intended to start.
type Window string

// The windows.
const (
	Before Window = "before"
	During Window = "during"
	After  Window = "after"
)

// Windows lists the windows in order.
var Windows = []Window{Before, During, After}

// Quantiles of durations, in milliseconds.
type Quantiles struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50Ms"`
	P90   float64 `json:"p90Ms"`
	P99   float64 `json:"p99Ms"`
	P999  float64 `json:"p999Ms"`
	Max   float64 `json:"maxMs"`
}

// What a loss is attributed to when it is not one pod in one phase.
const (
	Elsewhere = "Elsewhere" // no pod was on its way out at that moment
	Several   = "Several"   // more than one pod was, in different phases
)

// Confidence says how sure it is that a loss belongs to its pod.
type Confidence string

// The confidences.
const (
	// Certain: the pod's own word about this very request, a connection that was shown to end at
	// the pod, or a target that is the pod's own address.
	Certain Confidence = "certain"
	// ByConnection: earlier answers over this connection came from the pod. A router in between
	// may have sent this request elsewhere.
	ByConnection Confidence = "by connection"
	ByTime       Confidence = "by time" // the pod was on its way out at that moment
)

// Fault says whose a loss was.
type Fault string

// The faults.
const (
	PodsFault    Fault = "pod"    // it failed a request while routers could not know yet that it leaves
	RoutersFault Fault = "router" // it sent to a pod that it should have forgotten
	NobodysFault Fault = "nobody" // no pod was leaving
)

// Faults lists every fault, in the order in which they are shown.
var Faults = []Fault{RoutersFault, PodsFault, NobodysFault}

// Loss is one lost or masked request.
type Loss struct {
	Lane       string     `json:"lane"`
	ID         string     `json:"id"`
	Kind       Kind       `json:"kind"`
	Window     Window     `json:"window"`
	Intended   time.Time  `json:"intended"`
	Seen       time.Time  `json:"seen"` // when it was known to be lost
	Status     int        `json:"status,omitempty"`
	Attempts   int        `json:"attempts,omitempty"` // connections that the request was given to
	Reused     bool       `json:"reused,omitempty"`   // its first connection had served before
	Detail     string     `json:"detail,omitempty"`
	Pods       []string   `json:"pods,omitempty"` // one, or all that were on their way out at that moment
	Phase      string     `json:"phase"`
	Confidence Confidence `json:"confidence"`
	Applied    *bool      `json:"applied,omitempty"` // by the ledger; absent when no ledger can tell
	// Fault is as sure as Confidence says; absent where it can't be told. OutOfSlices, in milliseconds,
	// is how long the pod had been in no EndpointSlice, at least, when a router chose it.
	Fault       Fault   `json:"fault,omitempty"`
	OutOfSlices float64 `json:"outOfSlicesMs,omitempty"`
	Hint        string  `json:"hint,omitempty"` // what the answer says of a router on the way; anybody can answer so
}

// Moment is a time and its source.
type Moment struct {
	Time   time.Time `json:"time"`
	Source string    `json:"source"`
}

// PodLine is the timeline of one pod's termination as verify saw it. Absent times were not
// seen. Times from the API server and kubelet have full seconds only; those that end in
// Seen, SliceNotReady and Gone were taken when the watch showed them.
type PodLine struct {
	Pod               termination.Pod    `json:"pod"`
	GraceSeconds      int64              `json:"graceSeconds"`
	DeletionTimestamp time.Time          `json:"deletionTimestamp,omitzero"` // when the grace period is over
	DeletionAsked     time.Time          `json:"deletionAsked,omitzero"`     // deletionTimestamp - grace period
	DeletionSeen      time.Time          `json:"deletionSeen,omitzero"`
	SliceNotReady     time.Time          `json:"sliceNotReady,omitzero"` // no EndpointSlice offered it any more
	Hook              string             `json:"hook"`                   // "none", or what the preStop hooks are
	HookEnd           *Moment            `json:"hookEnd,omitempty"`
	HookLog           string             `json:"hookLog,omitempty"` // what the agent said that it waited for and saw
	Sigterm           *Moment            `json:"sigterm,omitempty"`
	Exits             []termination.Exit `json:"exits,omitempty"`
	Killed            bool               `json:"killed"` // a container had to be ended by SIGKILL
	Gone              time.Time          `json:"gone,omitzero"`
	Steps             []termination.Step `json:"steps,omitempty"`
	Events            []PodEvent         `json:"events,omitempty"`
	Losses            int                `json:"losses"` // lost and masked requests given to this pod alone
}

// PodEvent is an Event about a pod.
type PodEvent struct {
	Time    time.Time `json:"time"`
	Reason  string    `json:"reason"`
	Message string    `json:"message"`
}

// Ledger compares what the clients saw with what the application recorded.
type Ledger struct {
	Received       int `json:"received"`       // requests of this run that a pod received
	Applied        int `json:"applied"`        // requests of this run that a pod applied
	AppliedTwice   int `json:"appliedTwice"`   // applied more than once
	LostButApplied int `json:"lostButApplied"` // the client saw an error, but it was applied
	OKNotApplied   int `json:"okNotApplied"`   // the client saw success, but no pod reports having applied it
	Missing        int `json:"missing"`        // ledger lines that did not reach this run
}
