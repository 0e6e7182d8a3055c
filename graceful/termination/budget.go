package termination

import (
	"encoding/json"
	"fmt"
	"time"
)

// StopVariable is the environment's name for a Budget's Stop, a duration such as 20s. Whoever sets it
// says as well that a hook waits for the routers before SIGTERM.
const StopVariable = "LAMEDUCK_STOP"

// Budget is how a grace period is split. Its parts follow one another and add up to Grace.
type Budget struct {
	Grace    time.Duration // all the time the pod has, preStop included
	Announce time.Duration // telling the routers, where Kubernetes does not do it
	Confirm  time.Duration // waiting for evidence that routers have stopped
	Drain    time.Duration // waiting for the requests in flight
	Stop     time.Duration // SIGTERM to exit
	Margin   time.Duration // what the kubelet and the runtime take for themselves
}

// Default is the budget of a pod for which nothing else was asked.
//
// Announce: a registry call with its retries. Confirm: EndpointSlice propagation has no
// published objective; 10 to 25 s were seen on large clusters. Drain: longer than most
// HTTP requests may take. Stop: what frameworks need after their last request. Margin:
// the kubelet takes preStop's whole seconds off the grace, and needs time to start the hook.
var Default = Budget{
	Grace:    60 * time.Second,
	Announce: 3 * time.Second,
	Confirm:  30 * time.Second,
	Drain:    15 * time.Second,
	Stop:     10 * time.Second,
	Margin:   2 * time.Second,
}

// Upper bounds. A longer wait is refused, a longer grace period is cut, so that sums of durations
// can't overflow.
const (
	MaxWait  = 24 * time.Hour
	MaxGrace = 366 * 24 * time.Hour
)

// Needs is the grace period that holds every part of b, in full seconds.
func (b Budget) Needs() time.Duration {
	sum := b.Announce + b.Confirm + b.Drain + b.Stop + b.Margin
	return (sum + time.Second - 1).Truncate(time.Second)
}

// Split fits the parts of b into grace. Time beyond them goes to Drain. A shortfall is taken where
// it hurts least: Margin shrinks to a tenth of grace, Stop to half of the rest, and the other three
// share what is left in proportion. A grace of zero or less gives a zero budget: no time, never
// endless time.
func (b Budget) Split(grace time.Duration) Budget {
	if grace <= 0 {
		return Budget{}
	}
	b.Grace = grace
	spare := grace - b.Announce - b.Confirm - b.Drain - b.Stop - b.Margin
	if spare >= 0 {
		b.Drain += spare
		return b
	}
	b.Margin = min(b.Margin, grace/10)
	b.Stop = min(b.Stop, (grace-b.Margin)/2)
	rest := grace - b.Margin - b.Stop
	wanted := b.Announce + b.Confirm + b.Drain
	if wanted > rest {
		scale := float64(rest) / float64(wanted)
		b.Announce = time.Duration(float64(b.Announce) * scale)
		b.Confirm = time.Duration(float64(b.Confirm) * scale)
	}
	b.Drain = rest - b.Announce - b.Confirm
	return b
}

// Hook is the time that preStop may take: everything before SIGTERM.
func (b Budget) Hook() time.Duration { return b.Announce + b.Confirm + b.Drain }

// Validate reports a part that is negative, or parts that do not add up to Grace.
func (b Budget) Validate() error {
	for _, part := range b.parts() {
		if *part.value < 0 {
			return fmt.Errorf("budget: %s is %v, must not be negative", part.name, *part.value)
		}
	}
	if sum := b.Hook() + b.Stop + b.Margin; sum != b.Grace {
		return fmt.Errorf("budget: its parts add up to %v, the grace period is %v", sum, b.Grace)
	}
	return nil
}

type part struct {
	name  string
	value *time.Duration
}

func (b *Budget) parts() []part {
	return []part{
		{"grace", &b.Grace}, {"announce", &b.Announce}, {"confirm", &b.Confirm},
		{"drain", &b.Drain}, {"stop", &b.Stop}, {"margin", &b.Margin},
	}
}

// MarshalJSON writes each part as a Go duration, such as "1.5s".
func (b Budget) MarshalJSON() ([]byte, error) {
	texts := make(map[string]string, 6)
	for _, part := range b.parts() {
		texts[part.name] = part.value.String()
	}
	return json.Marshal(texts)
}

// UnmarshalJSON reads what MarshalJSON writes; parts that are absent are zero.
func (b *Budget) UnmarshalJSON(data []byte) error {
	var texts map[string]string
	if err := json.Unmarshal(data, &texts); err != nil {
		return fmt.Errorf("budget: %w", err)
	}
	var read Budget
	for _, part := range read.parts() {
		text, there := texts[part.name]
		if !there {
			continue
		}
		value, err := time.ParseDuration(text)
		if err != nil {
			return fmt.Errorf("budget: %s: %w", part.name, err)
		}
		*part.value = value
	}
	*b = read
	return nil
}
