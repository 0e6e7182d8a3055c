package hub

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// gather is how long the hub waits for the reports of a pod's other containers, so that
	// there is one Event for all.
	gather = 2 * time.Second
	// maxMessage is what an Event's message may have, in bytes.
	maxMessage = 1024
	maxReports = 16
)

// report is what a pod's agents saw.
type report struct {
	timelines []termination.Timeline
	timer     *time.Timer
}

func (s *Server) take(ctx context.Context, request hubapi.ReportRequest) hubapi.ReportResponse {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	pod, err := s.pod(ctx, request.Token)
	if err != nil {
		return hubapi.ReportResponse{Error: err.Error()}
	}
	if err := s.hub.reported(pod, request.Timeline); err != nil {
		return hubapi.ReportResponse{Error: err.Error()}
	}
	return hubapi.ReportResponse{}
}

func (h *Hub) reported(pod *corev1.Pod, timeline termination.Timeline) error {
	for i, step := range timeline.Steps {
		if !step.Phase.Valid() {
			return fmt.Errorf("step %d: unknown phase %.50q", i, step.Phase)
		}
	}
	h.mu.Lock()
	r := h.records[string(pod.UID)]
	h.mu.Unlock()
	if r == nil { // it stops without being deleted, or this leader never heard of it
		r = newRecord(h.ctx, pod)
		r.report = &report{timelines: []termination.Timeline{timeline}}
		h.announce(r)
		return nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if r.report == nil {
		r.report = &report{}
		r.report.timer = time.AfterFunc(gather, func() { h.announce(r) })
	}
	if len(r.report.timelines) >= maxReports {
		return fmt.Errorf("this pod has sent %d reports already", maxReports)
	}
	r.report.timelines = append(r.report.timelines, timeline)
	return nil
}

// announce writes the one Event of a termination.
func (h *Hub) announce(r *record) {
	h.mu.Lock()
	eventType, reason, message := summary(r)
	pod := r.object
	h.mu.Unlock()
	h.config.Cluster.Event(pod, eventType, reason, message)
}

// summary tells a termination in one line, by the report of the container that took longest.
func summary(r *record) (eventType, reason, message string) {
	var longest termination.Timeline
	var spent time.Duration
	late := ""
	for _, timeline := range r.report.timelines {
		if took := span(timeline); longest.Steps == nil || took > spent {
			longest, spent = timeline, took
		}
		for _, fact := range timeline.Evidence {
			if fact.Kind == termination.DeadlineReached {
				late = clean(fact.Subject + " " + fact.Detail)
			}
		}
	}
	parts := []string{fmt.Sprintf("left after %s of %s", seconds(spent), seconds(time.Duration(r.answer.GraceSeconds)*time.Second))}
	eventType, reason = corev1.EventTypeNormal, "LameDuckDone"
	if r.answer.Confirmed {
		parts = append(parts, fmt.Sprintf("%d nodes confirmed after %s", r.answer.Nodes, seconds(r.took)))
	} else {
		eventType, reason = corev1.EventTypeWarning, "LameDuckUnconfirmed"
		parts = append(parts, "not confirmed: "+unconfirmed(r.answer.Evidence))
	}
	for i, step := range longest.Steps {
		if i+1 < len(longest.Steps) {
			parts = append(parts, fmt.Sprintf("%s %s", step.Phase, seconds(longest.Steps[i+1].Time.Sub(step.Time))))
		}
	}
	if late != "" {
		eventType, reason = corev1.EventTypeWarning, "LameDuckLate"
		parts = append(parts, "out of time: "+late)
	}
	message = strings.Join(parts, "; ")
	return eventType, reason, message[:min(len(message), maxMessage)]
}

func unconfirmed(facts []termination.Evidence) string {
	var against []string
	for _, fact := range facts {
		switch fact.Kind {
		case termination.BarrierMissed, termination.StillOffered:
			against = append(against, fact.Subject+" ("+fact.Detail+")")
		}
	}
	switch {
	case len(against) == 0:
		return "the agent did not wait for the answer"
	case len(against) > 3:
		return fmt.Sprintf("%s and %d more", strings.Join(against[:3], ", "), len(against)-3)
	}
	return strings.Join(against, ", ")
}

func span(t termination.Timeline) time.Duration {
	if len(t.Steps) == 0 {
		return 0
	}
	return max(0, t.Steps[len(t.Steps)-1].Time.Sub(t.Steps[0].Time))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// clean keeps of a text from a pod what is fit for an Event.
func clean(text string) string {
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, text)
	return strings.TrimSpace(text[:min(len(text), 200)])
}
