package graceful

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// What is taken where nothing was said: SIGKILL comes 30 s after SIGTERM by Kubernetes' default, 10 s by
// Docker's.
const (
	kubernetesGrace = 30 * time.Second
	dockerGrace     = 10 * time.Second
)

// schedule is when the phases end at the latest, counted from the signal.
type schedule struct {
	wait                           time.Duration // least time as a lame duck
	lameDuck, drain, workers, last time.Duration
	moment                         time.Duration // for what is cut at a phase's end to return
}

// schedule splits the grace period. A phase that ends early leaves its time to those after it, since
// only the ends are fixed.
func (g *Group) schedule() (schedule, error) {
	grace := g.Grace
	text, hooked := os.LookupEnv(termination.StopVariable)
	if hooked {
		stop, err := parseStop(text)
		if err != nil {
			return schedule{}, err
		}
		if grace == 0 {
			grace = stop
		}
	}
	_, kubernetes := os.LookupEnv("KUBERNETES_SERVICE_HOST")
	switch {
	case grace < 0 || grace > termination.MaxGrace:
		return schedule{}, fmt.Errorf("graceful: Grace is %v, must be from 0 to %v", grace, termination.MaxGrace)
	case grace > 0:
	case kubernetes:
		grace = kubernetesGrace
	default:
		grace = dockerGrace
	}
	wait := max(g.Wait, 0)
	if g.Wait == 0 && kubernetes && !hooked {
		wait = termination.CarefulSleep
	}
	last := grace - min(termination.Default.Margin, grace/10)
	s := schedule{lameDuck: last / 2, drain: last * 8 / 10, workers: last * 9 / 10, last: last, moment: min(grace/20, 500*time.Millisecond)}
	s.wait = min(wait, s.lameDuck)
	return s, nil
}

// parseStop reads a duration, or whole seconds.
func parseStop(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if seconds, atoi := strconv.Atoi(text); atoi == nil {
		d, err = time.Duration(min(seconds, int(termination.MaxGrace/time.Second)+1))*time.Second, nil
	}
	if err != nil || d <= 0 || d > termination.MaxGrace {
		return 0, fmt.Errorf("graceful: the environment's %s is %.40q: write the time from SIGTERM to SIGKILL, as in 20s", termination.StopVariable, text)
	}
	return d, nil
}
