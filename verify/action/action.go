// Package action does to a workload what verify watches: a rollout, a deletion, a drain, an
// eviction, a change of scale, or any command.
//
// An action is complete when what it asked for has happened: the new pods are available and the
// old ones are gone. Each waits as long as its context lets it.
package action

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/workload/fields"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// Action is one thing to do.
type Action struct {
	Name string
	Do   func(ctx context.Context) error
	// Workload is what it is done to, if that is known beforehand.
	Workload *Workload
	// Node is the node that it empties, if it does: whoever acts must not be there.
	Node string
	// Rights are what it needs. A command's are not known.
	Rights Rights
}

// Actor does actions on one cluster.
type Actor struct {
	Client     kubernetes.Interface
	Namespace  string
	Log        io.Writer // what is done, and the output of commands
	KeepCordon bool      // drain leaves its node cordoned

	logging sync.Mutex
}

// ErrUsage marks an action that is written wrongly.
var ErrUsage = errors.New("wrong action")

// Help says which actions there are.
const Help = `rollout-restart KIND/NAME   restart a Deployment, StatefulSet or DaemonSet, as kubectl does
delete-pod NAME             delete a pod; "one-of KIND/NAME" picks a running pod of that workload
evict NAME                  the same through the eviction API, which honours PodDisruptionBudgets
drain NODE                  cordon it, evict its pods, and uncordon it at the end
scale KIND/NAME N           set the replicas of a Deployment or StatefulSet; they are not set back`

// poll is the interval of the waits.
const poll = 100 * time.Millisecond

// Parse reads an action from its words, such as "rollout-restart", "deploy/app".
func (a *Actor) Parse(words []string) (*Action, error) {
	usage := func(form string) error {
		return fmt.Errorf("%w %q: it is %q", ErrUsage, strings.Join(words, " "), form)
	}
	if len(words) == 0 {
		return nil, fmt.Errorf("%w: none given; there are:\n%s", ErrUsage, Help)
	}
	action := &Action{Name: strings.Join(words, " ")}
	args := words[1:]
	switch verb := words[0]; verb {
	case "rollout-restart":
		if len(args) != 1 {
			return nil, usage("rollout-restart KIND/NAME")
		}
		workload, err := parseWorkload(args[0])
		if err != nil {
			return nil, err
		}
		action.Workload, action.Rights = workload, rolling(workload)
		action.Do = func(ctx context.Context) error { return a.rolloutRestart(ctx, workload) }
	case "delete-pod", "evict":
		remove := a.deletePod
		if verb == "evict" {
			remove = a.evict
		}
		switch {
		case len(args) == 1 && args[0] != "one-of":
			action.Rights.Namespace = removing(args[0], verb == "evict")
			action.Do = func(ctx context.Context) error { return a.removePod(ctx, args[0], remove) }
		case len(args) == 2 && args[0] == "one-of":
			workload, err := parseWorkload(args[1])
			if err != nil {
				return nil, err
			}
			action.Workload, action.Rights = workload, removingOneOf(workload, verb == "evict")
			action.Do = func(ctx context.Context) error { return a.removeOneOf(ctx, workload, remove) }
		default:
			return nil, usage(verb + " NAME, or " + verb + " one-of KIND/NAME")
		}
	case "drain":
		if len(args) != 1 {
			return nil, usage("drain NODE")
		}
		action.Node, action.Rights = args[0], emptying(args[0])
		action.Do = func(ctx context.Context) error { return a.drain(ctx, args[0]) }
	case "scale":
		if len(args) != 2 {
			return nil, usage("scale KIND/NAME N")
		}
		workload, err := parseWorkload(args[0])
		if err != nil {
			return nil, err
		}
		replicas, err := strconv.ParseInt(args[1], 10, 32)
		if err != nil || replicas < 0 {
			return nil, usage("scale KIND/NAME N, with N a number of replicas")
		}
		if workload.Kind == daemonSet {
			return nil, fmt.Errorf("%w %q: a DaemonSet has no replicas", ErrUsage, action.Name)
		}
		action.Workload, action.Rights = workload, rolling(workload)
		action.Do = func(ctx context.Context) error { return a.scale(ctx, workload, int32(replicas)) }
	default:
		hint := ""
		if near := fields.Near(verb, verbs()); near != "" {
			hint = ": did you mean " + near + "?"
		}
		return nil, fmt.Errorf("%w %q%s; there are:\n%s", ErrUsage, verb, hint, Help)
	}
	return action, nil
}

// verbs are the first words of the actions.
func verbs() []string {
	var all []string
	for line := range strings.Lines(Help) {
		verb, _, _ := strings.Cut(line, " ")
		all = append(all, verb)
	}
	return all
}

func (a *Actor) logf(format string, args ...any) {
	a.logging.Lock()
	defer a.logging.Unlock()
	if a.Log != nil {
		printable.Fprintf(a.Log, format+"\n", args...)
	}
}

// until polls done until it is true. At the end of ctx the error says what was waited for.
func until(ctx context.Context, what string, done func(ctx context.Context) (bool, error)) error {
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	var last error
	for {
		ok, err := done(ctx)
		if ok {
			return nil
		}
		// An API server that is down for a while does not end an action.
		if err != nil && ctx.Err() == nil {
			if permanent(err) {
				return fmt.Errorf("waiting until %s: %w", what, err)
			}
			last = err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waiting until %s: %w", what, context.Cause(ctx)), last)
		}
	}
}
