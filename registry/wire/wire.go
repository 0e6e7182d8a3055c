// Package wire is the output of lameduck-registry: one Event as JSON on each line. It links nothing
// heavy, because the agent reads it.
package wire

import (
	"encoding/json"
	"fmt"
	"io"
	"time"
)

// What an event says about its registry.
const (
	// Plan comes first for each registry, and again when more is known: what its consumers may do
	// with what they cached.
	Plan = "plan"
	// Record says what would have to be restored, as a spec that the restore command takes. It
	// comes before anything is written, and holds no credentials.
	Record = "record"
	// Withdrawn says that the registry has accepted the withdrawal; it is not read back yet.
	Withdrawn = "withdrawn"
	// Out says that every server node shows the instance as out, by the view that is live.
	Out = "out"
	// Absent says that the instance is not registered: nothing was written.
	Absent = "absent"
	// Back says that the instance was seen in again after it was out; it is withdrawn anew.
	Back = "back"
	// Failed says why it is not out. Unless GivenUp, it is still being tried.
	Failed = "failed"
)

// Event is one fact about one registry.
type Event struct {
	Event    string    `json:"event"`
	Registry string    `json:"registry"` // its name: kind and service, as in "nacos orders"
	Time     time.Time `json:"time"`
	Detail   string    `json:"detail,omitempty"` // one line for people
	// GivenUp, with Failed: the budget is spent, or trying again would not help.
	GivenUp bool `json:"givenUp,omitempty"`
	// Spec, with Record: the registry and the instance in it, as the restore command takes it.
	Spec string `json:"spec,omitempty"`
	// StaleSeconds, with Plan: for how long after Out a consumer may go on by what it cached.
	StaleSeconds float64 `json:"staleSeconds,omitempty"`
	// QuietSeconds, with Plan: the least silence that shows that no consumer goes on.
	QuietSeconds float64 `json:"quietSeconds,omitempty"`
}

// Stale is StaleSeconds as a duration.
func (e Event) Stale() time.Duration { return time.Duration(e.StaleSeconds * float64(time.Second)) }

// Quiet is QuietSeconds as a duration.
func (e Event) Quiet() time.Duration { return time.Duration(e.QuietSeconds * float64(time.Second)) }

// Settled reports whether nothing more is to be waited for in the registry itself.
func (e Event) Settled() bool {
	return e.Event == Out || e.Event == Absent || e.Event == Failed && e.GivenUp
}

// MaxLine bounds one event, in bytes.
const MaxLine = 16 << 10

// Decode reads one line. An event of a kind that it does not know is an error: a reader that
// passed over it could miss that an instance is back.
func Decode(line []byte) (Event, error) {
	var e Event
	if len(line) > MaxLine {
		return e, fmt.Errorf("reading an event: %d bytes in one line, at most %d are taken", len(line), MaxLine)
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("reading an event: %w", err)
	}
	switch e.Event {
	case Plan, Record, Withdrawn, Out, Absent, Back, Failed:
		return e, nil
	}
	return e, fmt.Errorf("reading an event: %q is none of plan, record, withdrawn, out, absent, back, failed", e.Event)
}

// Encode writes one line.
func Encode(to io.Writer, e Event) error {
	line, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	_, err = to.Write(append(line, '\n'))
	return err
}
