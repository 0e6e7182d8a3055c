package e2e

import (
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/report"
)

// A proof reads from the agent's line how long its hook went on after its router's word.
func TestAfterWord(t *testing.T) {
	const ms, s = time.Millisecond, time.Second
	word := "ingress/traefik-7d9f (traefik) forgot the pod at 8.40s"
	for name, tt := range map[string]struct {
		line        agent.Summary
		took, apart time.Duration
		ok          bool
	}{
		"requests before":       {agent.Summary{Peers: word + ", last request 0.20s before, 1 router asked", Total: 9500 * ms}, 1100 * ms, 0, true},
		"a request after":       {agent.Summary{Peers: word + ", last request 0.20s after, 1 router asked", Total: 9800 * ms}, 1200 * ms, 0, true},
		"no request":            {agent.Summary{Peers: word + ", 1 router asked", Total: 9500 * ms}, 1100 * ms, 0, true},
		"the last of two":       {agent.Summary{Peers: word + ", ingress/envoy (envoy) forgot the pod at 9.00s, 2 routers asked", Total: 10 * s}, s, 0, true},
		"in flight, and a busy": {agent.Summary{Peers: word, Drained: 2 * s, Apart: 900 * ms, Total: 13 * s}, 4600 * ms, 2900 * ms, true},
		"by its silence":        {agent.Summary{Peers: "ingress/traefik-7d9f (watcher) sent until 8.20s", Total: 10 * s}, 10 * s, 0, false},
	} {
		took, apart, ok := afterWord(report.PodLine{HookLog: tt.line.String()})
		if took != tt.took || apart != tt.apart || ok != tt.ok {
			t.Errorf("%s: %v, %v, %v of %s", name, took, apart, ok, tt.line)
		}
	}
	if _, _, ok := afterWord(report.PodLine{}); ok {
		t.Error("without a line")
	}
}
