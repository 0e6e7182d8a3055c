package e2e

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Outcome is what one proof showed.
type Outcome struct {
	Name        string          `json:"name"`
	Requests    uint64          `json:"requests"`              // sent in the treatment
	Control     string          `json:"control,omitempty"`     // what the control run had instead of lameduck; empty: the proof needs none
	ControlLost uint64          `json:"controlLost"`           // lost, masked or unsent in the control
	Lost        uint64          `json:"lost"`                  // lost or unsent in the treatment
	Masked      uint64          `json:"masked"`                // lost, and hidden by a retry of the client
	Hook        []time.Duration `json:"hookNanos,omitempty"`   // per pod: deletion to SIGTERM
	Unconfirmed uint64          `json:"unconfirmed,omitempty"` // terminations that the hub could not confirm, and said so
	Beyond      []time.Duration `json:"beyondNanos,omitempty"` // per pod: last router stopped to SIGTERM
	Word        []time.Duration `json:"wordNanos,omitempty"`   // per pod: its router's word, or a later request, to the end of the hook
	Where       []Where         `json:"where,omitempty"`       // per pod: where its time went, in ns
	Faults      []string        `json:"faults,omitempty"`      // what else failed: a killed pod, an overrun grace period, an error
}

// Pass tells whether the treatment lost nothing, kept every promise, and the control lost.
func (o Outcome) Pass() bool {
	return o.Lost == 0 && o.Masked == 0 && len(o.Faults) == 0 && (o.Control == "" || o.ControlLost > 0)
}

func (o Outcome) mark() string {
	if o.Pass() {
		return "pass"
	}
	return "FAIL"
}

// Line is the outcome for machines and logs.
func (o Outcome) Line() string {
	line := fmt.Sprintf("PROOF %s requests=%d control_lost=%d lost=%d masked=%d hook_p50=%s hook_p99=%s",
		o.Name, o.Requests, o.ControlLost, o.Lost, o.Masked, seconds(o.Hook, 0.5), seconds(o.Hook, 0.99))
	if len(o.Beyond) > 0 {
		line += fmt.Sprintf(" beyond_p50=%s beyond_p99=%s", seconds(o.Beyond, 0.5), seconds(o.Beyond, 0.99))
	}
	if len(o.Word) > 0 {
		line += fmt.Sprintf(" word_p50=%s word_p99=%s", seconds(o.Word, 0.5), seconds(o.Word, 0.99))
	}
	if o.Unconfirmed > 0 {
		line += fmt.Sprintf(" unconfirmed=%d", o.Unconfirmed)
	}
	line += " " + o.mark()
	if len(o.Where) > 0 {
		line += "\n  a stop's time (p50..most): " + whereLine(o.Where)
	}
	for _, fault := range o.Faults {
		line += "\n  " + fault
	}
	if o.Control != "" && o.ControlLost == 0 {
		line += "\n  the control lost nothing: this run proves nothing"
	}
	return line
}

// WriteTable writes the outcomes for people.
func WriteTable(w io.Writer, outcomes []Outcome) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(tab, "proof\tcontrol\trequests\tlost by control\tlost\tmasked\thook p50\thook p99\tbeyond p50\tbeyond p99\t")
	for _, o := range outcomes {
		control, lost := o.Control, fmt.Sprint(o.ControlLost)
		if control == "" {
			control, lost = "-", "-"
		}
		fmt.Fprintf(tab, "%s\t%s\t%d\t%s\t%d\t%d\t%s\t%s\t%s\t%s\t%s\n", o.Name, control, o.Requests, lost, o.Lost, o.Masked,
			seconds(o.Hook, 0.5), seconds(o.Hook, 0.99), seconds(o.Beyond, 0.5), seconds(o.Beyond, 0.99), o.mark())
	}
	return tab.Flush()
}

// quantile is the smallest of the durations that at least a share q of them does not exceed.
func quantile(durations []time.Duration, q float64) time.Duration {
	sorted := slices.Sorted(slices.Values(durations))
	index := int(q*float64(len(sorted))+0.999999) - 1
	return sorted[min(max(index, 0), len(sorted)-1)]
}

func seconds(durations []time.Duration, q float64) string {
	if len(durations) == 0 {
		return "-"
	}
	return fmt.Sprintf("%.2fs", quantile(durations, q).Seconds())
}

// join joins the parts of a proof's name.
func join(parts ...string) string { return strings.Join(parts, "/") }
