package inject

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// wish is one duration that somebody asked for, and the path of the field; without a path there is
// no wish.
type wish struct {
	value time.Duration
	path  []string
	of    string // whose path it is, if not the pod's: "DrainPolicy web"
}

func (w wish) there() bool { return len(w.path) > 0 }

// or is the wished value, or the default.
func (w wish) or(value time.Duration) time.Duration {
	if w.there() {
		return w.value
	}
	return value
}

// wishes are what differs from the defaults: a DrainPolicy's fields, overridden one by one
// by the pod's annotations, and then checked together.
type wishes struct {
	mode                     v1alpha1.Mode
	minWait, maxWait         wish
	quietFloor, quietCeiling wish
	stop, fallbackWait       wish
	peerCeiling              wish
}

func wishesOf(p *v1alpha1.DrainPolicy) wishes {
	from := func(d *metav1.Duration, path ...string) wish {
		if d == nil {
			return wish{}
		}
		return wish{d.Duration, append([]string{"spec"}, path...), "DrainPolicy " + p.Name}
	}
	asked := wishes{
		mode:         p.Spec.Mode,
		minWait:      from(p.Spec.MinWait, "minWait"),
		maxWait:      from(p.Spec.MaxWait, "maxWait"),
		stop:         from(p.Spec.Stop, "stop"),
		fallbackWait: from(p.Spec.FallbackWait, "fallbackWait"),
		peerCeiling:  from(p.Spec.PeerCeiling, "peerCeiling"),
	}
	if quiet := p.Spec.Quiet; quiet != nil {
		asked.quietFloor = from(quiet.Floor, "quiet", "floor")
		asked.quietCeiling = from(quiet.Ceiling, "quiet", "ceiling")
	}
	return asked
}

// apply checks the wishes and puts them into the policy. A part of the budget that nobody set
// stretches to hold what was asked for.
func (w wishes) apply(policy *Policy) error {
	if err := w.check(); err != nil {
		return err
	}
	if w.mode != "" {
		policy.Mode = w.mode
	}
	budget := &policy.Budget
	budget.Stop = w.stop.or(budget.Stop)
	budget.Confirm = w.maxWait.or(max(budget.Confirm, w.minWait.value, w.fallbackWait.value, w.peerCeiling.or(max(resolversNeed(policy), outsideNeeds(policy))), consumersNeed(policy.Registries)))
	policy.MinWait = w.minWait.value
	policy.FallbackWait = w.fallbackWait.or(min(termination.CarefulSleep, budget.Confirm))
	policy.PeerCeiling = w.peerCeiling.value
	if needs := outsideNeeds(policy); needs > termination.CarefulSleep && !w.peerCeiling.there() {
		policy.OutsideCeiling = needs
	}
	policy.QuietFloor = w.quietFloor.or(min(termination.QuietFloor, w.quietCeiling.or(termination.QuietFloor)))
	policy.QuietCeiling = w.quietCeiling.or(max(termination.QuietCeiling, policy.QuietFloor))
	if policy.Mode == v1alpha1.ModeSleep {
		// Without an agent nothing is announced and no evidence is gathered: the sleep is
		// all of the wait, in the full seconds that the kubelet's action knows.
		policy.Sleep = wholeSeconds(max(policy.MinWait, w.maxWait.or(policy.FallbackWait), time.Second))
		budget.Announce, budget.Confirm = 0, policy.Sleep
		if len(policy.Registries) > 0 {
			policy.Warnings = append(policy.Warnings, "in mode sleep no registry is left: only the agent does that")
		}
	}
	budget.Grace = budget.Needs()
	return nil
}

// resolversNeed is how long clients that find the pod by DNS may take to stop.
func resolversNeed(policy *Policy) time.Duration {
	if policy.Headless {
		return termination.HeadlessDNS
	}
	return 0
}

func (w wishes) check() error {
	for _, one := range []wish{w.minWait, w.stop, w.fallbackWait, w.peerCeiling} {
		if one.value < 0 || one.value > termination.MaxWait {
			return &Invalid{one.path, "is " + one.value.String(), "write a duration from 0s to 24h"}
		}
	}
	for _, one := range []wish{w.maxWait, w.quietFloor, w.quietCeiling} {
		if one.there() && (one.value <= 0 || one.value > termination.MaxWait) {
			return &Invalid{one.path, "is " + one.value.String(), "write a duration above 0s, up to 24h"}
		}
	}
	for _, pair := range []struct{ less, more wish }{
		{w.minWait, w.maxWait}, {w.fallbackWait, w.maxWait}, {w.peerCeiling, w.maxWait}, {w.quietFloor, w.quietCeiling},
	} {
		if pair.less.there() && pair.more.there() && pair.less.value > pair.more.value {
			return contradiction(pair.less, pair.more)
		}
	}
	return nil
}

// contradiction blames the pod's annotation if one of the two is one: the error is about a
// pod then, not about its policy.
func contradiction(less, more wish) error {
	blamed, other, how, remedy := less, more, "longer", "lower it, or raise the other"
	if less.of != "" && more.of == "" {
		blamed, other, how, remedy = more, less, "shorter", "raise it, or lower the other"
	}
	place := FieldPath(other.path)
	if other.of != blamed.of {
		place += " of " + other.of
	}
	return &Invalid{blamed.path, fmt.Sprintf("is %v, %s than %s, which is %v", blamed.value, how, place, other.value), remedy}
}

func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}
