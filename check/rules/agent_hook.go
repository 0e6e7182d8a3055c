package rules

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload"
)

// agentHook is lameduck's agent as a container's preStop hook.
type agentHook struct {
	most  int64  // seconds that it may wait
	since string // what has the webhook put it there at admission; "" if the manifest holds it
	owns  bool   // it runs the container's own hook too
}

// agentOf is the agent in a main container: as its hook, or as the one that admission puts there.
func agentOf(c *workload.Container) (agentHook, bool) {
	if c == nil || c.Role != workload.Main {
		return agentHook{}, false
	}
	if args, ok := agentArgs(c.PreStop); ok {
		budget := agentBudget(c, args)
		return agentHook{most: int64(budget.Hook() / time.Second), owns: slices.Contains(args, "--")}, true
	}
	since := whyInjected(c.Pod)
	if since == "" || c.Pod.Finite() || c.Pod.Pod.Get("hostNetwork").IsTrue() || !answers(c) {
		return agentHook{}, false
	}
	budget := admittedBudget(c.Pod)
	return agentHook{most: seconds(budget.Hook()), since: since, owns: c.PreStop != nil}, true
}

// admittedBudget is the budget of a pod that gets the agent at admission: with room for the load
// balancers that its Services ask for.
func admittedBudget(w *workload.Workload) termination.Budget {
	budget := termination.Default
	for _, s := range w.Services {
		for _, b := range balancersOf(s) {
			if b.object == s.Object {
				budget.Confirm = max(budget.Confirm, b.Bound())
			}
		}
	}
	grace, _ := w.Grace()
	return budget.Split(max(budget.Needs(), time.Duration(grace)*time.Second))
}

// admittedGrace is how long a workload's pods live at most once they are made, in seconds.
func admittedGrace(w *workload.Workload) int64 {
	grace, _ := w.Grace()
	if injected(w) {
		grace = max(grace, seconds(admittedBudget(w).Grace))
	}
	return grace
}

// longestHold is the container that its manifest holds up longest, by a hook that waits or by the agent,
// and for how many seconds at most. Pods that get the agent at admission have it in the mesh's proxy
// too: then it is none.
func longestHold(w *workload.Workload) (seconds int64, c *workload.Container) {
	if injected(w) {
		return 0, nil
	}
	seconds, c = w.LongestWait()
	for _, each := range w.Containers {
		if agent, ok := agentOf(each); ok && (c == nil || agent.most > seconds) {
			seconds, c = agent.most, each
		}
	}
	return seconds, c
}

// waitsFor says how long a container is held up, in words.
func waitsFor(c *workload.Container, seconds int64) string {
	if _, byAgent := agentOf(c); byAgent {
		return fmt.Sprintf("has lameduck's agent, which waits up to %d s", seconds)
	}
	return fmt.Sprintf("waits %d s", seconds)
}

// heldByAgent reports whether the agent holds a pod up until its routers have stopped.
func heldByAgent(w *workload.Workload) bool {
	return injected(w) || slices.ContainsFunc(w.Containers, func(c *workload.Container) bool {
		_, ok := agentOf(c)
		return ok
	})
}

// agentArgs are the arguments of the agent's prestop, if the hook surely runs it.
func agentArgs(h *workload.Hook) ([]string, bool) {
	for _, command := range h.Script().Commands {
		args := command.Args()
		if len(args) < 2 || args[1] != "prestop" || command.Background {
			continue
		}
		if args[0] == inject.AgentPath || path.Base(args[0]) == path.Base(inject.ImageAgentPath) {
			return args[2:], true
		}
	}
	return nil, false
}

// agentBudget is the agent's budget: the flags that its init container writes down, and then those
// of the hook.
func agentBudget(c *workload.Container, args []string) termination.Budget {
	budget := termination.Default
	budget.Grace = workload.DefaultGrace * time.Second
	parts := map[string]*time.Duration{
		"grace": &budget.Grace, "announce": &budget.Announce, "confirm": &budget.Confirm,
		"drain": &budget.Drain, "stop": &budget.Stop, "margin": &budget.Margin,
	}
	for _, list := range [][]string{installArgs(c.Pod), args} {
		for i, arg := range list {
			if arg == "--" {
				break
			}
			name, value, inline := strings.Cut(strings.TrimLeft(arg, "-"), "=")
			if !inline && i+1 < len(list) {
				value = list[i+1]
			}
			d, err := time.ParseDuration(value)
			if part := parts[name]; part != nil && strings.HasPrefix(arg, "-") && err == nil && d >= 0 && d <= termination.MaxGrace {
				*part = d
			}
		}
	}
	return budget.Split(budget.Grace)
}

// installArgs are those of the init container that copies the agent into the pod.
func installArgs(w *workload.Workload) []string {
	for _, c := range w.Inits {
		if args := c.Args(); len(args) > 1 && path.Base(args[0]) == path.Base(inject.ImageAgentPath) && args[1] == "install" {
			return args[2:]
		}
	}
	return nil
}

// registryNamed reports whether the agent of these pods is told of a registry.
func registryNamed(w *workload.Workload) bool {
	if w.Meta.Get("annotations", inject.RegistryAnnotation).Str() != "" {
		return true
	}
	for _, policy := range policies(w) {
		if policy.Spec("registries").Len() > 0 {
			return true
		}
	}
	told := func(arg string) bool { return arg == "--registry" || strings.HasPrefix(arg, "--registry=") }
	return slices.ContainsFunc(installArgs(w), told) || slices.ContainsFunc(w.Containers, func(c *workload.Container) bool {
		args, ok := agentArgs(c.PreStop)
		return ok && slices.ContainsFunc(args, told)
	})
}

// tellsAgent is what tells the agent of these pods of a registry: an annotation if injection gives
// them their hook, else a flag of the hook.
func tellsAgent(w *workload.Workload) string {
	if injected(w) || w.Meta.Get("annotations", inject.StatusAnnotation).Set() {
		return inject.RegistryAnnotation
	}
	return "--registry"
}
