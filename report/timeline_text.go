package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// barWidth is how many characters the longest termination takes.
const barWidth = 48

// marks are the characters of the phases; an end takes a single one.
var marks = map[termination.Phase]string{
	termination.LameDuck: "~",
	termination.Draining: "=",
	termination.Stopping: "#",
	termination.Stopped:  "|",
	termination.Killed:   "X",
}

// Timelines draws the way of each pod from its deletion to its end, all on one scale:
// a bar with a character for each phase, and the seconds that each phase took.
func Timelines(w io.Writer, pods []PodLine) error {
	var longest time.Duration
	for _, pod := range pods {
		if n := len(pod.Steps); n > 0 {
			longest = max(longest, pod.Steps[n-1].Time.Sub(pod.Steps[0].Time))
		}
	}
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, pod := range pods {
		bar, took := drawSteps(pod.Steps, longest)
		printable.Fprintf(tab, "%s\t%-*s\t%s\n", pod.Pod.Name, barWidth+1, bar, took)
	}
	fmt.Fprintln(tab, "~ lame duck: not ready, still accepting   = draining   # stopping   | stopped   X killed")
	return tab.Flush()
}

func drawSteps(steps []termination.Step, longest time.Duration) (bar, took string) {
	var drawn strings.Builder
	var parts []string
	for i, step := range steps {
		if i == len(steps)-1 {
			drawn.WriteString(marks[step.Phase])
			break
		}
		lasted := steps[i+1].Time.Sub(step.Time)
		width := 1
		if longest > 0 {
			width = max(1, int(float64(barWidth)*float64(lasted)/float64(longest)))
		}
		drawn.WriteString(strings.Repeat(marks[step.Phase], width))
		parts = append(parts, fmt.Sprintf("%s %.2fs", step.Phase, lasted.Seconds()))
	}
	return drawn.String(), strings.Join(parts, ", ")
}
