package report

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// TestHostileCluster: what pods log and what Events say cannot clear the screen or forge a line.
func TestHostileCluster(t *testing.T) {
	const plant = "x\x1b[2J\nforged\r\u009b\u202e\xff"
	now := time.Now()
	v := &Verify{
		Target: plant, Started: now, Ended: now.Add(time.Second),
		Action: &Action{Name: plant, Failure: plant, Began: now, Ended: now},
		Pods: []PodLine{{
			Pod: termination.Pod{Name: plant, Node: plant}, HookEnd: &Moment{Time: now}, HookLog: "lameduck: " + plant,
			Events: []PodEvent{{Reason: plant, Message: plant}},
			Steps:  []termination.Step{{Phase: termination.LameDuck, Time: now}, {Phase: termination.Stopped, Time: now}},
		}},
		Losses: []Loss{{Lane: plant, Phase: plant, Pods: []string{plant}, Detail: plant, Kind: Reset}},
		Lanes:  []Lane{{Name: plant}},
		Notes:  []string{plant},
	}
	var out bytes.Buffer
	if err := VerifyText(&out, v); err != nil {
		t.Fatal(err)
	}
	if err := Timelines(&out, v.Pods); err != nil {
		t.Fatal(err)
	}
	if err := VerifyJSON(&out, v); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if line = strings.TrimSuffix(line, "\n"); strings.HasPrefix(line, "forged") || strings.ContainsFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q", line)
		}
	}
}
