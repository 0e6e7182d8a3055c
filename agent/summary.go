package agent

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Summary is what Run waited for and saw, for the hub and for people.
type Summary struct {
	Timeline termination.Timeline

	Hub        string        // what the hub said, in words
	Registries string        // what became of the registries, in words; empty without any
	Peers      string        // whether they were silent, in words; empty unless each was waited for
	Waited     time.Duration // until the routers had stopped, or their time was over
	Late       bool          // their time was over
	Blind      bool          // the connections could not be seen
	Silence    time.Duration // since the last new connection, at the end of the wait
	Window     time.Duration // how long it should have been
	Arrivals   int           // new connections since the hook began

	Drained   time.Duration
	Undrained bool // the time for the drain was over
	Busy      int  // connections still busy
	Paced     int  // the most connections at once that were waited for by their pace alone

	Hook     string // how the pod's own hook ended; empty without one
	HookTook time.Duration
	Apart    time.Duration // the longest between two looks
	Total    time.Duration
	Limit    time.Duration // of the total: what the hook has, or the fallback and the own hook after it, where that is more
}

// farApart is a pause between two looks that only a busy processor or a hanging kernel explains.
const farApart = 2 * longestPause

// String is the one line for the container's log.
func (o Summary) String() string {
	var parts []string
	say := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	for _, said := range nonEmpty(o.Hub, o.Registries, o.Peers) {
		say("%s", said)
	}
	switch {
	case o.Blind:
		say("connections can't be seen, so waited %s", seconds(o.Waited))
	case o.Late && o.Silence < o.Window && o.Arrivals == 0:
		say("its time of %s was over, quiet %s of the %s asked for", seconds(o.Waited), seconds(o.Silence), seconds(o.Window))
	case o.Late && o.Silence < o.Window:
		say("STILL NOT QUIET after %s: %d new connections, the last %s ago", seconds(o.Waited), o.Arrivals, seconds(o.Silence))
	case o.Late:
		say("its time of %s was over, quiet %s", seconds(o.Waited), seconds(o.Silence))
	default:
		say("quiet %s", seconds(o.Silence))
	}
	switch {
	case o.Undrained:
		say("NOT DRAINED in %s (%d connections busy)", seconds(o.Drained), o.Busy)
	case o.Busy > 0:
		say("drained %s (%d connections kept alive are busy with later requests)", seconds(o.Drained), o.Busy)
	default:
		say("drained %s", seconds(o.Drained))
	}
	if o.Paced > 0 {
		say("%d connections waited for by the pace of their answers", o.Paced)
	}
	if o.Hook != "" {
		say("own hook %s in %s", o.Hook, seconds(o.HookTook))
	}
	if o.Apart >= farApart {
		say("looks up to %s apart", seconds(o.Apart))
	}
	say("total %s of %s", seconds(o.Total), seconds(o.Limit))
	return "lameduck: " + strings.Join(parts, ", ")
}

func nonEmpty(texts ...string) []string {
	return slices.DeleteFunc(texts, func(text string) bool { return text == "" })
}

// describeHub puts into words what the hub said, and how much of the fallback could not be waited
// without it.
func (r *run) describeHub(now time.Time) string {
	text := r.hub.describe(now, r.parts.Hub != nil, r.start)
	if short := r.fallbackShort(); short != "" && r.hub.known != confirmed {
		text += ", " + short
	}
	return text
}

// describe puts into words what the hub said.
func (h hubState) describe(now time.Time, asked bool, start time.Time) string {
	switch {
	case !asked:
		return "no hub, going by the connections alone"
	case h.known == confirmed && h.nodes > 0:
		return fmt.Sprintf("routers confirmed after %s (%d nodes%s)", seconds(h.at.Sub(start)), h.nodes, h.steps(start))
	case h.known == confirmed:
		return fmt.Sprintf("routers confirmed after %s", seconds(h.at.Sub(start)))
	case h.known == final:
		return "routers NOT CONFIRMED: " + strings.Join(h.missed[:min(len(h.missed), 3)], ", ")
	case h.now(now) == failed:
		return "hub NOT REACHED: " + clip(h.err.Error(), 300)
	}
	return "routers NOT CONFIRMED in time"
}

// steps says how much of the time until the confirmation the slices took, and how much the nodes.
// The rest is the hub's. Two clocks are involved: their difference falls to the one or the other.
func (h hubState) steps(start time.Time) string {
	if h.slices.IsZero() || h.passed.IsZero() {
		return ""
	}
	took := h.at.Sub(start)
	slices := min(max(h.slices.Sub(start), 0), took)
	return fmt.Sprintf("; slices after %s, the last node after %s", seconds(slices), seconds(min(max(h.passed.Sub(start), slices), took)))
}

// seconds writes a duration for people: two digits below ten seconds, tenths above.
func seconds(d time.Duration) string {
	if d < 10*time.Second {
		return fmt.Sprintf("%.2fs", d.Seconds())
	}
	return fmt.Sprintf("%.1fs", d.Seconds())
}
