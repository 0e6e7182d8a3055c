package e2e

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/report"
)

// part is a part of a stop's time.
type part string

// In the order in which they come.
const (
	toHook   part = "to the hook" // deletion seen to the agent's start: API server, kubelet, runtime
	inSlices part = "slices"      // until no slice offered the pod
	barrier  part = "barrier"     // until the last node had passed
	hubLate  part = "hub late"    // until the agent knew
	registry part = "registry"    // its consumers, beyond the confirmation
	quiet    part = "quiet"       // routers that were not asked, beyond the confirmation
	drain    part = "drain"       // what was in flight
	ownHook  part = "own hook"
	toStop   part = "to SIGTERM" // the agent's last line to SIGTERM: report, kubelet, runtime
	// agentLate is not a part of the whole: it is the longest pause between two looks of the agent, and
	// so how late any of its decisions may have been.
	agentLate part = "agent late"
)

var parts = []part{toHook, inSlices, barrier, hubLate, registry, quiet, drain, ownHook, toStop, agentLate}

// Where says where the time of one stop, or of several, went.
type Where map[part]time.Duration

const lineSeconds = `([0-9.]+)s`

var (
	lineConfirmed = regexp.MustCompile(`routers confirmed after ` + lineSeconds + `(?: \(\d+ nodes; slices after ` + lineSeconds + `, the last node after ` + lineSeconds + `\))?`)
	lineRegistry  = regexp.MustCompile(`left after|STILL IN|NOT LEFT|NOT HEARD OF`)
	lineDrained   = regexp.MustCompile(`(?:drained|NOT DRAINED in) ` + lineSeconds)
	lineOwnHook   = regexp.MustCompile(`own hook .* in ` + lineSeconds)
	lineApart     = regexp.MustCompile(`looks up to ` + lineSeconds + ` apart`)
	lineTotal     = regexp.MustCompile(`total ` + lineSeconds + ` of`)
)

// whereOf derives it from what verify saw of the pod and what the pod's agent wrote. ok is false if
// the agent wrote nothing.
func whereOf(pod report.PodLine) (w Where, ok bool) {
	total, ok := durations(lineTotal, pod.HookLog)
	if !ok || pod.HookEnd == nil {
		return nil, false
	}
	w = Where{}
	drained, _ := durations(lineDrained, pod.HookLog)
	w[drain] = drained[0]
	if hook, ok := durations(lineOwnHook, pod.HookLog); ok {
		w[ownHook] = hook[0]
	}
	if apart, ok := durations(lineApart, pod.HookLog); ok {
		w[agentLate] = apart[0]
	}
	waited := max(total[0]-w[drain]-w[ownHook], 0)
	rest := quiet
	if lineRegistry.MatchString(pod.HookLog) {
		rest = registry
	}
	confirmed, ok := durations(lineConfirmed, pod.HookLog)
	switch {
	case !ok:
		w[rest] = waited
	case confirmed[2] == 0: // the line has no times
		w[barrier], w[rest] = confirmed[0], max(waited-confirmed[0], 0)
	default:
		w[inSlices], w[barrier], w[hubLate] = confirmed[1], confirmed[2]-confirmed[1], confirmed[0]-confirmed[2]
		w[rest] = max(waited-confirmed[0], 0)
	}
	if !pod.DeletionSeen.IsZero() {
		w[toHook] = max(pod.HookEnd.Time.Add(-total[0]).Sub(pod.DeletionSeen), 0)
	}
	if pod.Sigterm != nil {
		w[toStop] = max(pod.Sigterm.Time.Sub(pod.HookEnd.Time), 0)
	}
	return w, true
}

// durations returns the durations that the pattern finds in a line; absent ones are zero.
func durations(pattern *regexp.Regexp, line string) (found [3]time.Duration, ok bool) {
	match := pattern.FindStringSubmatch(line)
	for i := 1; i < len(match); i++ {
		found[i-1], _ = time.ParseDuration(match[i] + "s") // empty where absent
	}
	return found, match != nil
}

// whereLine gives the median and the maximum of each part.
func whereLine(stops []Where) string {
	var texts []string
	for _, p := range parts {
		var took []time.Duration
		for _, stop := range stops {
			took = append(took, stop[p])
		}
		if most := quantile(took, 1); most > 0 {
			texts = append(texts, fmt.Sprintf("%s %s..%s", p, seconds(took, 0.5), seconds(took, 1)))
		}
	}
	return strings.Join(texts, ", ")
}
