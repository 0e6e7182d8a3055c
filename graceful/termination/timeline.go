package termination

import (
	"fmt"
	"time"
)

// Pod names the pod of a timeline.
type Pod struct {
	Namespace string   `json:"namespace"`
	Name      string   `json:"name"`
	UID       string   `json:"uid,omitempty"`
	Node      string   `json:"node,omitempty"`
	IPs       []string `json:"ips,omitempty"`
}

// Exit is how one container ended.
type Exit struct {
	Container string    `json:"container"`
	Time      time.Time `json:"time"`
	Code      int       `json:"code"`
	Signal    int       `json:"signal,omitempty"`
	Killed    bool      `json:"killed"` // by SIGKILL
}

// Timeline is the account of one termination.
type Timeline struct {
	Pod      Pod        `json:"pod"`
	Budget   Budget     `json:"budget"`
	Steps    []Step     `json:"steps"`
	Evidence []Evidence `json:"evidence,omitempty"`
	Exits    []Exit     `json:"exits,omitempty"`
}

// Enter adds that phase began at t. A phase that was already passed, or a time before the last
// step's, is an error and changes nothing; entering the present phase again is not.
func (t *Timeline) Enter(phase Phase, at time.Time) error {
	if !phase.Valid() {
		return fmt.Errorf("timeline: unknown phase %q", phase)
	}
	if len(t.Steps) > 0 {
		last := t.Steps[len(t.Steps)-1]
		if last.Phase == phase {
			return nil
		}
		if !last.Phase.Before(phase) {
			return fmt.Errorf("timeline: %s can't follow %s", phase, last.Phase)
		}
		if at.Before(last.Time) {
			return fmt.Errorf("timeline: %s at %s is before %s", phase, at.Format(time.RFC3339Nano), last.Phase)
		}
	}
	t.Steps = append(t.Steps, Step{Phase: phase, Time: at})
	return nil
}

// PhaseAt is the phase that held at the given time; Serving before the first step.
func (t *Timeline) PhaseAt(at time.Time) Phase {
	phase := Serving
	for _, step := range t.Steps {
		if step.Time.After(at) {
			break
		}
		phase = step.Phase
	}
	return phase
}

// Add appends evidence.
func (t *Timeline) Add(facts ...Evidence) { t.Evidence = append(t.Evidence, facts...) }
