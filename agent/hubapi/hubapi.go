// Package hubapi holds the messages between the agent in a pod and the hub.
//
// Each call is an HTTP/1.1 POST whose body and answer are JSON, sealed by package seal for the
// call's path. The hub answers 200 with a sealed body to every request that it could open; without
// one it answers 400 (could not be opened), 413 (too large), 429 (too many calls from this address)
// or 503 (not the leader).
package hubapi

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// The calls, and the limits that both sides keep to.
const (
	ConfirmPath = "/v1/confirm"
	ReportPath  = "/v1/report"
	RecordPath  = "/v1/record"
	ContentType = "application/lameduck-sealed"

	// Audience is what the pod's projected ServiceAccount token must be issued for.
	Audience = "lameduck.dev/hub"

	// MaxWait is the longest that the hub holds a confirm call: below the 30 s after
	// which load balancers and proxies commonly cut a connection without traffic.
	MaxWait = 25 * time.Second

	// MaxRequest bounds a sealed request, in bytes: a token (about 1.5 KiB) and a timeline.
	MaxRequest = 64 << 10

	// MaxResponse bounds a sealed answer, in bytes. A hub whose evidence is longer
	// abridges it: Nodes says how many passed, and those that did not are named first.
	MaxResponse = 256 << 10
)

// Question is what an agent asks about its own pod.
type Question struct {
	Wait      time.Duration // how long the hub may hold its answer; in whole seconds
	Confirmed bool          // see ConfirmRequest
	Peers     []netip.Addr  // see ConfirmRequest
	News      uint64        // see ConfirmRequest
}

// MaxPeers bounds how many peers one call asks about.
const MaxPeers = 1000

// Peer is one of the pod's peers, and how it could know the pod's address.
type Peer struct {
	Address netip.Addr            `json:"address"`
	Class   termination.PeerClass `json:"class,omitempty"`
	Name    string                `json:"name,omitempty"` // namespace/name of its pod, if it is one
}

// MaxRouters bounds how many routers an answer tells of.
const MaxRouters = 64

// Router is what a router that was asked says about the pod. One that is left out could not be asked, or
// said neither.
type Router struct {
	Name      string       `json:"name"` // namespace/name of its pod
	Kind      string       `json:"kind"` // as in traefik
	Addresses []netip.Addr `json:"addresses"`
	// ForgotMillis is for how long it has said that it does not send to the pod, in milliseconds
	// before the answer; nil: it says that it sends.
	ForgotMillis *int64 `json:"forgotMillis,omitempty"`
}

// ConfirmRequest announces that the token's pod leaves, and asks whether its routers have
// stopped. It is idempotent: after an error the agent simply asks again, whoever leads.
type ConfirmRequest struct {
	Token       string `json:"token"`
	WaitSeconds int    `json:"waitSeconds"` // how long the hub may hold the answer; at most MaxWait
	// Confirmed: the agent has been told so. The hub then holds its answer until that is so no
	// longer, the grace period has become shorter, or the wait is over. A hub that does not know
	// this field answers at once.
	Confirmed bool `json:"confirmed,omitempty"`
	// Peers are addresses that requests come from, at most MaxPeers: the hub is to say how each
	// could know the pod's own address.
	Peers []netip.Addr `json:"peers,omitempty"`
	// News is that of the last answer: with Confirmed the hub also answers as soon as it has other news.
	// Without it the hub asks no routers for this agent.
	News *uint64 `json:"news,omitempty"`
}

// ConfirmResponse is the hub's answer: at once when confirmed or final, else when the wait is over.
type ConfirmResponse struct {
	// Confirmed: every router asked has stopped, each with its evidence.
	Confirmed bool `json:"confirmed"`
	// Final: asking again will not change the answer; without Confirmed the agent goes by
	// what it sees itself, over its longer window.
	Final    bool                   `json:"final,omitempty"`
	Evidence []termination.Evidence `json:"evidence,omitempty"`
	// Nodes is how many nodes' kube-proxies passed the barrier.
	Nodes int `json:"nodes,omitempty"`
	// GraceSeconds is the pod's deletionGracePeriodSeconds; zero when the hub does not know it.
	// The kubelet counts it from the start of the hook, by the node's own clock: that is why
	// the pod's deletionTimestamp, which is the API server's clock, is not told.
	GraceSeconds int64 `json:"graceSeconds,omitempty"`
	// DNSForgot: no DNS server of the cluster gives out the pod's address any more, and what they gave
	// is valid no longer. Only then does the silence of a peer that goes by DNS show anything.
	DNSForgot bool `json:"dnsForgot,omitempty"`
	// Peers are those asked about, as far as the hub can tell their class. One that is left out may
	// know the pod's address.
	Peers []Peer `json:"peers,omitempty"`
	// Routers are what the routers say that were asked: replicas of the pod's peers, and others that may
	// know the pod's address.
	Routers []Router `json:"routers,omitempty"`
	// News numbers what DNS and the routers have said.
	News  *uint64 `json:"news,omitempty"`
	Error string  `json:"error,omitempty"`
}

// Check says why a pod may not stop on r; nil if it may. A bare "confirmed" is not believed: it
// needs evidence, and none that speaks against it.
func (r ConfirmResponse) Check() error {
	switch {
	case r.Error != "":
		return fmt.Errorf("the hub reports: %s", r.Error)
	case !r.Confirmed:
		return errors.New("the hub has not confirmed")
	case len(r.Evidence) == 0:
		return errors.New("the hub confirmed without evidence")
	}
	if against := r.Against(); len(against) > 0 {
		return fmt.Errorf("the hub confirmed against its own evidence: %s %s", against[0].Kind, against[0].Subject)
	}
	return nil
}

// Against are the facts that do not speak for a confirmation: all but those known to.
func (r ConfirmResponse) Against() []termination.Evidence {
	var against []termination.Evidence
	for _, fact := range r.Evidence {
		switch fact.Kind {
		case termination.SliceNotReady, termination.BarrierPassed, termination.RegistryOut:
		default:
			against = append(against, fact)
		}
	}
	return against
}

// Unserved reports whether the evidence says that no EndpointSlice holds the pod: no Service gives its
// address out.
func (r ConfirmResponse) Unserved() bool {
	none := false
	for _, fact := range r.Evidence {
		if fact.Kind == termination.SliceNotReady && fact.Subject != "" {
			return false
		}
		none = none || fact.Kind == termination.SliceNotReady
	}
	return none
}

// RecordRequest carries what the agent is about to withdraw from registries, so that its traces can
// be cleared when the pod is gone. It is idempotent.
type RecordRequest struct {
	Token string `json:"token"`
	// Records are specs of lameduck-registry; they hold no credentials.
	Records []string `json:"records"`
}

// ErrRefused is wrapped by errors that asking again would not change.
var ErrRefused = errors.New("the hub reports")

// RecordResponse is empty when the records were taken.
type RecordResponse struct {
	Error string `json:"error,omitempty"`
}

// ReportRequest carries what the agent saw, once, right before it exits.
type ReportRequest struct {
	Token    string               `json:"token"`
	Timeline termination.Timeline `json:"timeline"`
}

// ReportResponse is empty when the report was taken.
type ReportResponse struct {
	Error string `json:"error,omitempty"`
}
