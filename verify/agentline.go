package verify

import (
	"regexp"
	"time"
)

// linePrefix begins the line that the lameduck agent writes when it is done.
const linePrefix = "lameduck: "

var (
	lineDrained = regexp.MustCompile(`(?:drained|NOT DRAINED in) ([0-9.]+s)`)
	lineOwnHook = regexp.MustCompile(`own hook [^,]* in ([0-9.]+s)`)
)

// DrainBegan reads from the agent's line, written at the given time, when the drain began. The line
// gives durations, not moments: of the drain, and of the container's own hook after it.
func DrainBegan(line string, written time.Time) (began time.Time, ok bool) {
	match := lineDrained.FindStringSubmatch(line)
	if match == nil {
		return began, false
	}
	drained, err := time.ParseDuration(match[1])
	if err != nil {
		return began, false
	}
	if hook := lineOwnHook.FindStringSubmatch(line); hook != nil {
		took, err := time.ParseDuration(hook[1])
		if err != nil {
			return began, false
		}
		drained += took
	}
	return written.Add(-drained), true
}
