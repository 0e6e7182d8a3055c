package hub

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

const (
	// gather is how long the hub waits for the reports of a pod's other containers, so that one
	// Event covers them all. A later report gets an Event of its own.
	gather = 2 * time.Second
	// maxReports bounds what one pod may report: once for each container.
	maxReports = 16
	// maxSteps bounds a report: a phase is entered once.
	maxSteps = 8
	// maxWords bounds how many routers an Event names.
	maxWords = 3
	// maxMessage bounds an Event's message, in bytes.
	maxMessage = 1024
)

// reports are what a pod's agents saw, as far as an Event needs it. A pod can make the hub keep no
// more than a few hundred bytes for each of maxReports.
type reports struct {
	taken map[[sha256.Size]byte]bool
	due   []report // not in an Event yet
	timer *time.Timer
}

// report is what one container's agent saw.
type report struct {
	spent  time.Duration
	phases []string
	late   string   // what its time was over for
	words  []string // of routers that it waited for
}

var errReports = fmt.Errorf("this pod has sent %d reports already", maxReports)

// readReport takes from a timeline what an Event needs.
func readReport(line told) (report, error) {
	if len(line.Steps) > maxSteps {
		return report{}, fmt.Errorf("a report has at most %d steps", maxSteps)
	}
	if len(line.Steps) == 0 {
		return report{}, errors.New("a report without steps")
	}
	r := report{spent: max(0, line.Steps[len(line.Steps)-1].Time.Sub(line.Steps[0].Time))}
	for i, step := range line.Steps {
		if !step.Phase.Valid() {
			return report{}, fmt.Errorf("step %d: unknown phase %.50q", i, step.Phase)
		}
		if i+1 < len(line.Steps) {
			r.phases = append(r.phases, string(step.Phase)+" "+seconds(line.Steps[i+1].Time.Sub(step.Time)))
		}
	}
	for _, fact := range line.Evidence {
		switch {
		case fact.Kind == termination.DeadlineReached:
			r.late = clean(fact.Subject + " " + fact.Detail)
		case fact.Kind == termination.RouterForgot && len(r.words) < maxWords:
			r.words = append(r.words, clean(fact.Subject+" "+fact.Detail))
		}
	}
	return r, nil
}

// report takes in what one of the pod's agents saw, once: sum shows whether it was sent before.
func (t *Termination) report(line told, sum [sha256.Size]byte) error {
	r, err := readReport(line)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.reports.taken[sum] {
		return nil
	}
	if len(t.reports.taken) >= maxReports {
		return errReports
	}
	if t.state == undeleted {
		t.ended = time.Now()
	}
	if t.reports.taken == nil {
		t.reports.taken = map[[sha256.Size]byte]bool{}
	}
	t.reports.taken[sum] = true
	t.reports.due = append(t.reports.due, r)
	if len(t.reports.due) == 1 {
		t.reports.timer = time.AfterFunc(gather, t.writeEvent)
	}
	return nil
}

// writeEvent writes an Event of the reports that are due.
func (t *Termination) writeEvent() {
	t.mu.Lock()
	due := t.reports.due
	t.reports.due = nil
	if len(due) == 0 {
		t.mu.Unlock()
		return
	}
	eventType, reason, message := t.summary(due)
	pod := t.object
	t.mu.Unlock()
	t.hub.config.Cluster.Event(pod, eventType, reason, message)
}

// flush writes at once what is due.
func (t *Termination) flush() {
	t.mu.Lock()
	if t.reports.timer != nil {
		t.reports.timer.Stop()
	}
	t.mu.Unlock()
	t.writeEvent()
}

// summary puts reports into one line, by the container that took longest. The mutex is held.
func (t *Termination) summary(due []report) (eventType, reason, message string) {
	longest, late := due[0], ""
	for _, r := range due {
		if r.spent > longest.spent {
			longest = r
		}
		if r.late != "" {
			late = r.late
		}
	}
	parts := []string{"left after " + seconds(longest.spent)}
	if t.grace > 0 {
		parts[0] += " of " + seconds(t.grace)
	}
	eventType, reason = corev1.EventTypeNormal, "LameDuckDone"
	if t.since > 0 && t.doubt == (doubt{}) {
		parts = append(parts, fmt.Sprintf("%d nodes confirmed after %s", t.nodes, seconds(t.took)))
	} else {
		eventType, reason = corev1.EventTypeWarning, "LameDuckUnconfirmed"
		parts = append(parts, "not confirmed: "+t.unconfirmedBy())
	}
	parts = append(append(parts, longest.words...), longest.phases...)
	if late != "" {
		eventType, reason = corev1.EventTypeWarning, "LameDuckLate"
		parts = append(parts, "out of time: "+late)
	}
	message = strings.Join(parts, "; ")
	return eventType, reason, strings.ToValidUTF8(message[:min(len(message), maxMessage)], "")
}

// unconfirmedBy names what spoke against a confirmation. The mutex is held.
func (t *Termination) unconfirmedBy() string {
	if t.state == undeleted {
		return "the pod was not deleted: its container was restarted, or its node is shutting down"
	}
	var against []string
	for _, fact := range append(t.doubt.evidence(), t.evidence...) {
		switch fact.Kind {
		case termination.BarrierMissed, termination.StillOffered, termination.Unreachable:
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

func seconds(d time.Duration) string { return fmt.Sprintf("%.1fs", d.Seconds()) }

// clean makes a pod's text fit for an Event, and keeps nothing of the memory that it came in.
func clean(text string) string {
	text = text[:min(len(text), 400)]
	text = strings.Map(func(c rune) rune {
		if unicode.IsPrint(c) {
			return c
		}
		return -1
	}, text)
	return strings.Clone(strings.TrimSpace(strings.ToValidUTF8(text[:min(len(text), 200)], "")))
}
