package barrier

import (
	"fmt"
	"time"
)

// NodeState is how far a node is with the barrier's last write.
type NodeState struct {
	Name    string `json:"name"`
	Passing bool   `json:"passing"` // it has shown that write
	Silent  bool   `json:"silent"`  // it has not for longer than the timeout: no pass is confirmed
	// Unproved: its proxy is of a kind, or in a mode, for which there is no proof.
	Unproved bool      `json:"unproved,omitempty"`
	Since    time.Time `json:"since,omitzero"` // when that write was made
	Why      string    `json:"why,omitempty"`  // why it is not passing
}

// State gives the names of the Services in use, the nodes' states, and why there is no Service.
func (b *Barrier) State() (services []string, nodes []NodeState, problem error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.era != nil {
		services = []string{b.era.service.Name, b.era.service.Kind}
	}
	for _, name := range sortedNames(b.nodes) {
		m := b.members[name]
		state := NodeState{Name: name, Passing: b.era != nil && m.due.IsZero() && m.shown != nil, Silent: m.silent, Unproved: m.node.Unproved != "" || m.unproved, Since: m.due}
		if !state.Passing {
			state.Why = m.why()
		} else {
			state.Since = m.shown.done
		}
		nodes = append(nodes, state)
	}
	return services, nodes, b.problem
}

// Removed tells the barrier that somebody has removed a Service or a slice of it. If it is one
// in use, the barrier starts over, before the next pass would find it missing.
func (b *Barrier) Removed(service string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.era != nil && (b.era.service.Name == service || b.era.service.Kind == service) {
		b.era.lose(fmt.Errorf("service %s or a slice of it: %w", service, ErrLost))
	}
}
