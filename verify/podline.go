package verify

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/report"
)

const (
	eventsKept  = 10      // a pod
	hookLogKept = 4 << 10 // bytes, the most that the agent writes
	sigkill     = 9
	killedCode  = 128 + sigkill
)

// podLine joins what the watches and logs show about one pod. It is pure: callers pass the
// times at which they saw things.
type podLine struct {
	report.PodLine
	offered map[string]bool // EndpointSlice -> it offers the pod
	exited  *time.Time      // by the application's own ledger, to the microsecond
	drained *time.Time      // by the agent's timeline
	ended   time.Time       // of the last container, as precisely as the watch tells
	asked   bool            // deletionTimestamp was seen
}

// podLines holds the lines of all pods, by UID.
type podLines struct {
	since time.Time // what ended before is not part of the run
	pods  map[types.UID]*podLine
}

func newPodLines(since time.Time) *podLines {
	return &podLines{since: since, pods: map[types.UID]*podLine{}}
}

func (ps *podLines) of(pod *corev1.Pod) *podLine {
	p := ps.pods[pod.UID]
	if p == nil {
		p = &podLine{offered: map[string]bool{}}
		p.Pod = termination.Pod{Namespace: pod.Namespace, Name: pod.Name, UID: string(pod.UID)}
		p.Hook = hookOf(&pod.Spec)
		if pod.Spec.TerminationGracePeriodSeconds != nil {
			p.GraceSeconds = *pod.Spec.TerminationGracePeriodSeconds
		}
		ps.pods[pod.UID] = p
	}
	return p
}

// seePod takes in the state of a pod as it was seen at the given time.
func (ps *podLines) seePod(at time.Time, pod *corev1.Pod) {
	p := ps.of(pod)
	p.Pod.Node = pod.Spec.NodeName
	if len(pod.Status.PodIPs) > 0 {
		p.Pod.IPs = nil
		for _, ip := range pod.Status.PodIPs {
			p.Pod.IPs = append(p.Pod.IPs, ip.IP)
		}
	}
	if pod.DeletionTimestamp != nil && !p.asked {
		p.asked = true
		p.DeletionSeen = at
		p.DeletionTimestamp = pod.DeletionTimestamp.Time
		p.DeletionAsked = p.DeletionTimestamp
		if grace := pod.DeletionGracePeriodSeconds; grace != nil {
			p.GraceSeconds = *grace
			p.DeletionAsked = p.DeletionTimestamp.Add(-time.Duration(*grace) * time.Second)
		}
	}
	for _, status := range slices.Concat(pod.Status.ContainerStatuses, pod.Status.InitContainerStatuses) {
		p.seeExit(at, ps.since, status.Name, status.State.Terminated)
		p.seeExit(at, ps.since, status.Name, status.LastTerminationState.Terminated)
	}
}

func (p *podLine) seeExit(at, since time.Time, container string, end *corev1.ContainerStateTerminated) {
	// A first exit 0 of an init container is its work, not the pod's stop.
	if end == nil || end.FinishedAt.Time.Before(since.Truncate(time.Second)) || (!p.asked && end.ExitCode == 0) {
		return
	}
	exit := termination.Exit{
		Container: container, Time: end.FinishedAt.Time, Code: int(end.ExitCode), Signal: int(end.Signal),
		Killed: (end.ExitCode == killedCode || end.Signal == sigkill) && end.Reason != "OOMKilled",
	}
	if !slices.Contains(p.Exits, exit) {
		p.Exits = append(p.Exits, exit)
		p.Killed = p.Killed || exit.Killed
		p.ended = latest(p.ended, precise(exit.Time, at))
	}
}

// seeGone notes the final DELETE of a pod.
func (ps *podLines) seeGone(at time.Time, pod *corev1.Pod) {
	ps.seePod(at, pod)
	ps.of(pod).Gone = at
}

// seeSlice takes in an EndpointSlice; gone says that it was deleted.
func (ps *podLines) seeSlice(at time.Time, slice *discoveryv1.EndpointSlice, gone bool) {
	key := slice.Namespace + "/" + slice.Name
	ready := map[types.UID]bool{}
	for _, endpoint := range slice.Endpoints {
		if !gone && endpoint.TargetRef != nil && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
			ready[endpoint.TargetRef.UID] = true
		}
	}
	for uid, p := range ps.pods {
		switch {
		case ready[uid]:
			p.offered[key] = true
			p.SliceNotReady = time.Time{}
		case p.offered[key]:
			delete(p.offered, key)
			if len(p.offered) == 0 {
				p.SliceNotReady = at
			}
		}
	}
}

// seeEvent takes in an Event about a pod.
func (ps *podLines) seeEvent(at time.Time, event *corev1.Event) {
	p := ps.pods[event.InvolvedObject.UID]
	if p == nil || len(p.Events) == eventsKept {
		return
	}
	when := event.LastTimestamp.Time
	if when.IsZero() {
		when = event.EventTime.Time // of events in the newer form
	}
	if when.Before(ps.since.Truncate(time.Second)) {
		return
	}
	message := strings.ToValidUTF8(event.Message[:min(len(event.Message), detailKept)], "")
	p.Events = append(p.Events, report.PodEvent{Time: at, Reason: event.Reason, Message: message})
}

// seeHookLog takes in a line of a container's log, if it is the one that the lameduck agent
// writes when it is done. The last one counts, if several containers have one.
func (ps *podLines) seeHookLog(at time.Time, uid types.UID, line []byte) {
	p := ps.pods[uid]
	if p == nil {
		return
	}
	text := strings.TrimSpace(string(line))
	var told termination.Timeline
	switch {
	case strings.HasPrefix(text, linePrefix):
		if began, ok := DrainBegan(text, at); ok {
			p.drained = &began
		}
	case strings.HasPrefix(text, "{") && json.Unmarshal(line, &told) == nil && (told.Pod.Name == "" || told.Pod.Name == p.Pod.Name) && len(told.Steps) > 0:
		for _, step := range told.Steps {
			if step.Phase == termination.Draining {
				p.drained = &step.Time
			}
		}
	default:
		return
	}
	p.HookEnd = &report.Moment{Time: at, Source: "the agent's log line"}
	p.HookLog = text[:min(len(text), hookLogKept)]
}

// seeSigterm and seeExited take in what the application's ledger says.
func (ps *podLines) seeSigterm(at time.Time, uid types.UID) {
	if p := ps.pods[uid]; p != nil && p.Sigterm == nil {
		p.Sigterm = &report.Moment{Time: at, Source: "ledger"}
	}
}

func (ps *podLines) seeExited(at time.Time, uid types.UID) {
	if p := ps.pods[uid]; p != nil {
		p.exited = &at
	}
}

// left are the lines of the pods that were on their way out, in the order in which they left.
func (ps *podLines) left() []report.PodLine {
	var lines []report.PodLine
	for _, p := range ps.pods {
		if p.asked || !p.Gone.IsZero() || len(p.Exits) > 0 {
			lines = append(lines, p.finish())
		}
	}
	slices.SortFunc(lines, func(a, b report.PodLine) int {
		return cmp.Or(leavesAt(&a).Compare(leavesAt(&b)), cmp.Compare(a.Pod.Name, b.Pod.Name))
	})
	return lines
}

// finish derives the steps from the moments.
func (p *podLine) finish() report.PodLine {
	line := p.PodLine
	line.Exits = slices.Clone(line.Exits)
	slices.SortFunc(line.Exits, func(a, b termination.Exit) int { return a.Time.Compare(b.Time) })
	if line.Sigterm == nil && p.asked && line.Hook == hookNone && len(line.Exits) > 0 {
		line.Sigterm = &report.Moment{Time: p.leavingAt(), Source: "there is no preStop hook to wait for"}
	}
	var steps termination.Timeline
	enter := func(phase termination.Phase, at time.Time) {
		if n := len(steps.Steps); n > 0 && at.Before(steps.Steps[n-1].Time) {
			at = steps.Steps[n-1].Time // cut to full seconds it may precede the step before
		}
		// A phase out of order is dropped; the others stand.
		_ = steps.Enter(phase, at)
	}
	if p.asked {
		enter(termination.LameDuck, p.leavingAt())
	}
	if p.drained != nil {
		enter(termination.Draining, *p.drained)
	}
	if line.Sigterm != nil {
		enter(termination.Stopping, line.Sigterm.Time)
	}
	end := termination.Stopped
	if line.Killed {
		end = termination.Killed
	}
	switch {
	case p.exited != nil:
		enter(end, *p.exited)
	case len(line.Exits) > 0:
		enter(end, p.ended)
	case !line.Gone.IsZero():
		enter(end, line.Gone)
	}
	line.Steps = steps.Steps
	return line
}

// leavingAt is when the deletion was asked for: not later than what followed from it.
func (p *podLine) leavingAt() time.Time {
	at := precise(p.DeletionAsked, p.DeletionSeen)
	if slice := p.SliceNotReady; slice.Before(at) && slice.After(p.DeletionAsked) {
		at = slice
	}
	if p.Sigterm != nil && p.Sigterm.Time.Before(at) && p.Sigterm.Time.After(p.DeletionAsked) {
		at = p.Sigterm.Time
	}
	return at
}

// precise is the best guess at a moment that the API gives cut to full seconds, and that a watch
// showed at seen: the watch is right unless it was late.
func precise(told, seen time.Time) time.Time {
	if next := told.Truncate(time.Second).Add(time.Second); seen.After(next) {
		return next
	}
	return seen
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

const hookNone = "none"

// hookOf says what the pod's preStop hooks are.
func hookOf(spec *corev1.PodSpec) string {
	var hooks []string
	for _, c := range slices.Concat(spec.InitContainers, spec.Containers) {
		if c.Lifecycle == nil || c.Lifecycle.PreStop == nil {
			continue
		}
		what := "unknown"
		switch h := c.Lifecycle.PreStop; {
		case h.Exec != nil:
			what = strings.Join(h.Exec.Command, " ")
		case h.HTTPGet != nil:
			what = "httpGet " + h.HTTPGet.Path
		case h.Sleep != nil:
			what = fmt.Sprintf("sleep %ds", h.Sleep.Seconds)
		case h.TCPSocket != nil:
			what = "tcpSocket"
		}
		hooks = append(hooks, c.Name+": "+what[:min(len(what), detailKept)])
	}
	if hooks == nil {
		return hookNone
	}
	return strings.Join(hooks, "; ")
}
