package report

import (
	"maps"
	"slices"
	"strconv"
)

// Kind says how a request was lost, by what the client saw. Besides those listed here there are a
// kind for each gRPC status and for each code of a WebSocket's close.
type Kind string

// The kinds.
const (
	Refused     Kind = "refused"     // the connection was refused
	Reset       Kind = "reset"       // the connection was reset
	EOF         Kind = "eof"         // the connection was closed before the answer was whole
	GoAway      Kind = "goaway"      // HTTP/2: the server gave the connection up by GOAWAY, and never answered
	RSTStream   Kind = "rst-stream"  // HTTP/2: the server reset the request's stream
	NoStatus    Kind = "no-status"   // gRPC: the stream ended without a status
	Timeout     Kind = "timeout"     // no whole answer within the timeout, counted from the intended start
	Unreachable Kind = "unreachable" // no route to host or network, or the name did not resolve
	Status      Kind = "status"      // an answer with an error status, 400 and above
	BadBody     Kind = "badBody"     // an answer that is not the answer to this request
	Unsent      Kind = "unsent"      // not sent in time: as many requests were in flight as allowed
	Late        Kind = "late"        // not sent in time: the load generator itself was too slow
	Masked      Kind = "masked"      // answered, but only because the client tried again in silence
	Other       Kind = "other"       // anything else; see the detail
)

// Kinds lists the kinds above, in the order in which they are shown.
var Kinds = []Kind{Refused, Reset, EOF, GoAway, RSTStream, NoStatus, Timeout, Unreachable, Status, BadBody, Unsent, Late, Other, Masked}

// StatusKind is the kind of a request that was answered with this gRPC status, by its name in upper
// case: "status-UNAVAILABLE".
func StatusKind(name string) Kind { return Kind("status-" + name) }

// ClosedKind is the kind of a WebSocket that ended with this close code: "closed-1006" when no close
// frame came.
func ClosedKind(code int) Kind { return Kind("closed-" + strconv.Itoa(code)) }

// inOrder is what was counted: the listed kinds first, the others by name.
func inOrder(kinds map[Kind]int) []Kind {
	var order, others []Kind
	for _, kind := range Kinds {
		if kinds[kind] > 0 {
			order = append(order, kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if kinds[kind] > 0 && !slices.Contains(Kinds, kind) {
			others = append(others, kind)
		}
	}
	return append(order, others...)
}
