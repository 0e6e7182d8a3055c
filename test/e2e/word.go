package e2e

import (
	"fmt"
	"regexp"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// soon is how long after its router's word, or after a later request, a pod may begin to wait for what is in
// flight: the second for what was sent right before the word, and half of one for the looks that show it.
const soon = 1500 * time.Millisecond

var lineForgot = regexp.MustCompile(`forgot the pod at ` + lineSeconds + `(?:, last request ` + lineSeconds + ` (after|before))?`)

// afterWord gives how long the hook went on after the last router's word, or after the last request if that
// came later, and the part of it that was for what was in flight, or that a busy machine's looks were late.
// ok is false if it went by none.
func afterWord(pod report.PodLine) (took, apart time.Duration, ok bool) {
	total, ok := durations(lineTotal, pod.HookLog)
	if !ok {
		return 0, 0, false
	}
	var last time.Duration
	for _, match := range lineForgot.FindAllStringSubmatch(pod.HookLog, -1) {
		at, _ := time.ParseDuration(match[1] + "s")
		if match[3] == "after" {
			more, _ := time.ParseDuration(match[2] + "s")
			at += more
		}
		last = max(last, at)
	}
	drained, _ := durations(lineDrained, pod.HookLog)
	late, _ := durations(lineApart, pod.HookLog)
	return total[0] - last, drained[0] + late[0], last > 0
}

// judgeWords demands that each pod left by its router's word, and soon after it.
func (s *Seen) judgeWords() {
	for _, pod := range s.Pods {
		took, apart, ok := afterWord(pod)
		switch {
		case !ok:
			s.Faults = append(s.Faults, fmt.Sprintf("pod %s did not leave by its router's word: %s", pod.Pod.Name, pod.HookLog))
			continue
		case took-apart > soon:
			s.Faults = append(s.Faults, fmt.Sprintf("pod %s left %s after its router's word: %s", pod.Pod.Name, took, pod.HookLog))
		}
		s.Word = append(s.Word, took)
	}
}
