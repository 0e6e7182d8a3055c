package verify

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
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
	AnswerBy time.Time // when a held request must have been answered, however long it lasts then
	Pod      string    // that answered, by its own word
	Suspect  string    // pod that earlier requests over the first connection were answered by
	Direct   bool      // the first connection was shown to end at Suspect
	Routed   bool      // another pod answered earlier over the same connection: a router reads the requests
	Conns    int       // connections that it was given to; more than one is a silent retry
	Reused   bool      // the first connection had served before
	Echoed   bool      // the answer carried the request's id
	Ledgered bool      // the answer says that the application keeps a ledger
	Answered time.Time // when a held request was answered; zero: it is no held one, or never was
	Told     bool      // the server ended it early, and said so
	Retried  string    // why the client of this kind would have sent it again, and did
	Hint     string    // what an error's answer says of a router on the way
	peer     string    // client's address and port, as the pod that answered sees them
}

// readEcho takes the request's id and the pod's name from text in JSON, if it is the request's own.
func (s *Shot) readEcho(text []byte) error {
	var echo struct {
		ID     string `json:"id"`
		Pod    string `json:"pod"`
		Peer   string `json:"peer"`
		Ledger bool   `json:"ledger"`
	}
	if err := json.Unmarshal(text, &echo); err != nil {
		return &bodyError{fmt.Sprintf("not the JSON that was expected: %.60q", text)}
	}
	if echo.ID != s.ID {
		return &bodyError{fmt.Sprintf("it answers request %.60q", echo.ID)}
	}
	s.Echoed, s.Pod, s.peer, s.Ledgered = true, echo.Pod, echo.Peer, echo.Ledger
	return nil
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
