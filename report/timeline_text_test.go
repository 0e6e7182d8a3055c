package report

import (
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

func TestTimelines(t *testing.T) {
	start := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	at := func(phase termination.Phase, after time.Duration) termination.Step {
		return termination.Step{Phase: phase, Time: start.Add(after)}
	}
	pods := []PodLine{
		{Pod: termination.Pod{Name: "calm"}, Steps: []termination.Step{
			at(termination.LameDuck, 0), at(termination.Draining, time.Second), at(termination.Stopping, 2*time.Second), at(termination.Stopped, 4*time.Second)}},
		{Pod: termination.Pod{Name: "stuck"}, Steps: []termination.Step{
			at(termination.LameDuck, 0), at(termination.Stopping, time.Millisecond), at(termination.Killed, 2*time.Second)}},
		{Pod: termination.Pod{Name: "unseen"}},
	}
	var got strings.Builder
	if err := Timelines(&got, pods); err != nil {
		t.Fatal(err)
	}
	want := "" +
		"calm    ~~~~~~~~~~~~============########################|  LameDuck 1.00s, Draining 1.00s, Stopping 2.00s\n" +
		"stuck   ~#######################X                          LameDuck 0.00s, Stopping 2.00s\n" +
		"unseen                                                     \n" +
		"~ lame duck: not ready, still accepting   = draining   # stopping   | stopped   X killed\n"
	if got.String() != want {
		t.Errorf("got\n%s\nwant\n%s", got.String(), want)
	}
}
