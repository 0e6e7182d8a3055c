package e2e

import (
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/verify"
)

// verify reads from the agent's line when the drain began.
func TestVerifyReadsTheAgentsLine(t *testing.T) {
	written := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	const ms = time.Millisecond
	for name, tt := range map[string]struct {
		outcome agent.Summary
		want    time.Duration // before the line
	}{
		"at once":            {agent.Summary{Hub: "routers confirmed after 0.31s (3 nodes)"}, 0},
		"drained":            {agent.Summary{Drained: 1250 * ms}, 1250 * ms},
		"busy afterwards":    {agent.Summary{Drained: 250 * ms, Busy: 3}, 250 * ms},
		"not drained":        {agent.Summary{Drained: 14500 * ms, Undrained: true, Busy: 2}, 14500 * ms},
		"own hook":           {agent.Summary{Drained: 20 * ms, Hook: "ended", HookTook: 2 * time.Second}, 2020 * ms},
		"own hook fails":     {agent.Summary{Drained: 20 * ms, Hook: "exit code 1", HookTook: 30 * ms}, 50 * ms},
		"blind":              {agent.Summary{Blind: true, Drained: 5 * time.Second}, 5 * time.Second},
		"with registries":    {agent.Summary{Registries: "nacos orders left after 0.60s (consumers silent after 8.2s of at most 40.6s)", Drained: 30 * ms}, 30 * ms},
		"by the peers' pace": {agent.Summary{Peers: "ingress/traefik (watcher) sent until 8.20s", Drained: 40 * ms, Paced: 2}, 40 * ms},
	} {
		began, ok := verify.DrainBegan(tt.outcome.String(), written)
		if got := written.Sub(began); !ok || got != tt.want {
			t.Errorf("%s: %v before the line, want %v: %s", name, got, tt.want, tt.outcome)
		}
	}
}
