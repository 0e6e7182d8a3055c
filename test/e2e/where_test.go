package e2e

import (
	"maps"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/report"
)

// TestWhereOfTheAgentsLine is the contract between the agent's line and its reader: the agent itself
// writes the lines.
func TestWhereOfTheAgentsLine(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	deleted := time.Unix(1_700_000_000, 0)
	confirmed := "routers confirmed after 1.00s (3 nodes; slices after 0.25s, the last node after 0.75s)"
	tests := []struct {
		name    string
		outcome agent.Summary
		want    Where
	}{
		{"confirmed", agent.Summary{Hub: confirmed, Waited: 1500 * ms, Drained: 500 * ms, Total: 2 * s},
			Where{inSlices: 250 * ms, barrier: 500 * ms, hubLate: 250 * ms, quiet: 500 * ms, drain: 500 * ms}},
		{"a hub that gives no times", agent.Summary{Hub: "routers confirmed after 1.00s (3 nodes)", Total: 2 * s},
			Where{barrier: s, quiet: s, drain: 0}},
		{"with a registry", agent.Summary{Hub: confirmed, Registries: "dubbo left after 1.22s (consumers silent after 6.05s of at most 16.2s)", Drained: 19 * s, Total: 25 * s},
			Where{inSlices: 250 * ms, barrier: 500 * ms, hubLate: 250 * ms, registry: 5 * s, drain: 19 * s}},
		{"without a hub, and not drained", agent.Summary{Hub: "no hub, going by the connections alone", Undrained: true, Drained: 10 * s, Busy: 1, Total: 25 * s},
			Where{quiet: 15 * s, drain: 10 * s}},
		{"own hook, on a busy processor", agent.Summary{Hub: confirmed, Hook: "ended", HookTook: 3 * s, Apart: 900 * ms, Total: 4 * s},
			Where{inSlices: 250 * ms, barrier: 500 * ms, hubLate: 250 * ms, quiet: 0, drain: 0, ownHook: 3 * s, agentLate: 900 * ms}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			began := deleted.Add(100 * ms)
			end := began.Add(tt.outcome.Total)
			got, ok := whereOf(report.PodLine{
				DeletionSeen: deleted, HookLog: tt.outcome.String(),
				HookEnd: &report.Moment{Time: end}, Sigterm: &report.Moment{Time: end.Add(50 * ms)},
			})
			tt.want[toHook], tt.want[toStop] = 100*ms, 50*ms
			if !ok || !maps.Equal(got, tt.want) {
				t.Errorf("of %q\n%v, want\n%v", tt.outcome.String(), got, tt.want)
			}
		})
	}
	if got, ok := whereOf(report.PodLine{HookLog: "", HookEnd: &report.Moment{}}); ok {
		t.Errorf("without a line: %v", got)
	}
}

func TestWhereLine(t *testing.T) {
	got := whereLine([]Where{{barrier: time.Second}, {barrier: 3 * time.Second, drain: 2 * time.Second}, {barrier: 2 * time.Second}})
	if want := "barrier 2.00s..3.00s, drain 0.00s..2.00s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
