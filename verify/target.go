package verify

import (
	"context"
	"fmt"
)

// Target is one way of sending requests to what is verified: a protocol with its habits of
// connecting. A lane uses it from many goroutines at once.
type Target interface {
	// Send sends the request s.ID and reads the whole answer. A nil error means that it was
	// answered well; Send says in s what it learned on the way, also when it failed. The
	// deadline of ctx is the request's.
	Send(ctx context.Context, s *Shot) error
	// Close ends the idle connections, waits for connects that are still under way, and returns
	// the connects that failed while their request was served by another connection.
	Close() []MaskedConnect
}

// Shot is one request and what its Target learned about it.
type Shot struct {
	ID       string
	Pod      string // that answered, by its own word
	Suspect  string // pod that earlier requests over the first connection were answered by
	Direct   bool   // the first connection was shown to end at Suspect
	Routed   bool   // another pod answered earlier over the same connection: a router reads the requests
	Conns    int    // connections that it was given to; more than one is a silent retry
	Reused   bool   // the first connection had served before
	Echoed   bool   // the answer carried the request's id
	Ledgered bool   // the answer says that the application keeps a ledger
	peer     string // client's address and port, as the pod that answered sees them
}

// MaskedConnect is a failed connect that no request showed.
type MaskedConnect struct {
	ID  string // request for whose sake it was made
	Err error
}

// statusError is an answer whose status says that the request failed.
type statusError struct{ status int }

func (e *statusError) Error() string { return fmt.Sprintf("status %d", e.status) }

// bodyError is an answer that does not belong to the request.
type bodyError struct{ why string }

func (e *bodyError) Error() string { return "bad body: " + e.why }
