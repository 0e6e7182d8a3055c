package barrier

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// NodeState is how far a node is with the barrier's last write for it.
type NodeState struct {
	Name    string    `json:"name"`
	Passing bool      `json:"passing"`        // it has shown that write
	Silent  bool      `json:"silent"`         // it has not for longer than the timeout: no pass is confirmed
	Since   time.Time `json:"since,omitzero"` // when that write was made
	Why     string    `json:"why,omitempty"`  // why it is not passing
}

// State gives the name of the Service in use, the nodes' states, and why there is no Service.
func (b *Barrier) State() (service string, nodes []NodeState, problem error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.era != nil {
		service = b.era.service.Name
	}
	for _, name := range sortedNames(b.nodes) {
		state := NodeState{Name: name, Why: "not asked yet"}
		if m := b.member(name); m != nil {
			state.Passing, state.Silent, state.Since = m.idle, m.silent, m.since
			if state.Why = ""; !m.idle {
				state.Why = m.why()
			}
		}
		nodes = append(nodes, state)
	}
	return service, nodes, b.problem
}

// Removed tells the barrier that somebody has removed a Service or a slice of it. If it is the one
// in use, the barrier starts over, before the next pass would find it missing.
func (b *Barrier) Removed(service string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.era != nil && b.era.service.Name == service {
		b.era.lose(fmt.Errorf("service %s or a slice of it: %w", service, ErrLost))
	}
}

// Removed is Barrier.Removed, for whichever track has the Service.
func (l *Tracks) Removed(service string) {
	for _, track := range l.tracks {
		track.Removed(service)
	}
}

// State gives the Services in use, what is wrong in any track, and each node's state in the track
// that wrote for it last: each track finds out by itself that a node has fallen silent.
func (l *Tracks) State() (services []string, nodes []NodeState, problem error) {
	latest := map[string]NodeState{}
	for _, track := range l.tracks {
		service, states, trouble := track.State()
		if service != "" {
			services = append(services, service)
		}
		problem = errors.Join(problem, trouble)
		for _, state := range states {
			if last, there := latest[state.Name]; !there || state.Since.After(last.Since) {
				latest[state.Name] = state
			}
		}
	}
	for _, state := range latest {
		nodes = append(nodes, state)
	}
	slices.SortFunc(nodes, func(a, b NodeState) int { return strings.Compare(a.Name, b.Name) })
	return services, nodes, problem
}
