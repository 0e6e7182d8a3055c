package rules

import (
	"fmt"
	"slices"

	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
)

// Budget is what a workload's stop looks like by its manifests.
func Budget(w *workload.Workload) budget.Budget {
	grace, at := w.Grace()
	b := budget.Budget{Object: w.String(), Grace: grace, Default: !at.Set()}
	routers := routersOf(w)
	for _, r := range routers {
		b.Routers = append(b.Routers, budget.Span{Name: r.name, End: r.seconds, Note: r.note})
	}
	if len(w.Services) == 0 && len(routers) == 0 && len(declaring(w)) > 0 && !w.Finite() {
		b.Unseen = "a Service that leads to these pods, so what sends to them, and for how long, is unknown"
	}
	mesh, injected := meshOf(w)
	for _, c := range w.Running() {
		if _, agent := agentOf(c); injected && c.Name == mesh.name && !agent {
			continue // drawn as what the mesh makes of it
		}
		b.Pods = append(b.Pods, spans(c, grace))
		b.Losses = append(b.Losses, losses(c, grace, routers)...)
		wait, _ := c.PreStop.Wait()
		admittedToo := false // the mesh's proxy gets the agent as well
		if agent, ok := agentOf(c); ok {
			wait, admittedToo = agent.most, agent.since != ""
		}
		if injected && !admittedToo && min(wait, grace) > mesh.gone {
			b.Losses = append(b.Losses, fmt.Sprintf("%d to %d s: %s, through which container %s is reached, is gone%s", mesh.gone, min(wait, grace), mesh.name, c.Name, unless(mesh)))
		}
		b.Conditions = append(b.Conditions, finishes(c)...)
	}
	for _, s := range w.Services {
		if !s.Headless && !s.MetricsOnly && !slices.ContainsFunc(w.Running(), s.Reaches) {
			b.Conditions = append(b.Conditions, fmt.Sprintf("nothing is sent through %s: it selects the pods and reaches no port of theirs", s))
		}
	}
	if injected {
		b.Pods = append(b.Pods, budget.Container{Name: mesh.name + " (injected)", Spans: []budget.Span{
			{Name: "SIGTERM at once", End: mesh.gone, Note: fmt.Sprintf("takes requests for %d s%s", mesh.gone, unless(mesh))},
		}})
	}
	return b
}

// unless leaves open what the manifests do not say.
func unless(m meshProxy) string {
	if m.sure {
		return ""
	}
	return ", unless the mesh injects a native sidecar"
}

func spans(c *workload.Container, grace int64) budget.Container {
	out := budget.Container{Name: c.Name}
	wait, _ := c.PreStop.Wait()
	start := min(wait, grace)
	agent, byAgent := agentOf(c)
	switch {
	case byAgent && agent.since != "":
		return add(out, budget.Span{Name: "preStop", Note: "gets lameduck's hook at admission (" + agent.since + "), and the grace period that it needs"})
	case byAgent:
		start = min(agent.most, grace)
		out.Spans = append(out.Spans, budget.Span{Name: "preStop", End: start, Note: fmt.Sprintf("lameduck's agent: waits until the routers have stopped, %d s at most", start)})
	case c.PreStop == nil && c.Role == workload.Main:
		out.Spans = append(out.Spans, budget.Span{Name: "no preStop", Note: "SIGTERM at once"})
	case c.PreStop != nil && cannotRun(c.PreStop) != "":
		out.Spans = append(out.Spans, budget.Span{Name: "preStop", Note: "cannot run: SIGTERM at once"})
	case c.PreStop != nil:
		out.Spans = append(out.Spans, hookSpans(c.PreStop, start, grace)...)
	}
	if c.Role == workload.Sidecar {
		return add(out, budget.Span{Name: "SIGTERM to exit", Start: grace, End: grace, Note: "after the main containers; 2 s if they used all"})
	}
	if s, ok := shutdownTime(c); ok {
		return add(out, budget.Span{Name: "SIGTERM to exit", Start: start, End: start + s.seconds, Note: fmt.Sprintf("up to %d s: %s", s.seconds, s.name)})
	}
	return add(out, budget.Span{Name: "SIGTERM to exit", Start: start, End: grace, Note: fmt.Sprintf("%d s at most; what the program does with it is not known", max(0, grace-start))})
}

// hookSpans draw what a hook takes: for certain, and at most if that is more.
func hookSpans(h *workload.Hook, least, grace int64) []budget.Span {
	t, most := h.Time(), min(h.Most(), grace)
	if t.Endless() {
		return []budget.Span{{Name: "preStop", End: grace, Note: "never ends by itself"}}
	}
	wait, _ := h.Wait()
	out := []budget.Span{{Name: "preStop", End: least, Note: fmt.Sprintf("waits %d s for certain", wait)}}
	switch {
	case h.Most() == workload.Endless:
		out = append(out, budget.Span{Name: "preStop at most", End: grace, Note: "may never end by itself"})
	case h.Most() > wait && t.Open:
		out = append(out, budget.Span{Name: "preStop at most", End: grace, Note: fmt.Sprintf("%d s as far as it is bounded; the rest is not known", h.Most())})
	case h.Most() > wait:
		out = append(out, budget.Span{Name: "preStop at most", End: most, Note: fmt.Sprintf("%d s if every part takes as long as it may", h.Most())})
	case t.Open:
		out[0].Note += "; how long the rest takes is not known"
	}
	return out
}

func add(c budget.Container, s budget.Span) budget.Container {
	c.Spans = append(c.Spans, s)
	return c
}

// losses says in words where a container loses requests.
func losses(c *workload.Container, grace int64, routers []router) []string {
	var out []string
	wait, _ := c.PreStop.Wait()
	agent, byAgent := agentOf(c)
	if byAgent {
		wait = agent.most
		grace = max(grace, admitted(agent, c.Pod))
	}
	stop := min(wait, grace)
	serving := false
	for _, s := range c.Pod.Services {
		serving = serving || s.Reaches(c)
	}
	if _, _, ok := registered(c); ok {
		serving = true
	}
	t := accepting(c)
	until, most := min(ceil(t.Min), grace), min(ceil(t.Max), grace)
	for _, r := range routers {
		if byAgent && r.service == nil && !registryNamed(c.Pod) && (!agent.owns || onlyWaits(c.PreStop)) {
			out = append(out, fmt.Sprintf("from SIGTERM on: %s may still send to container %s, and no %s has the agent wait for them", r.name, c.Name, tellsAgent(c.Pod)))
		}
		if !serving || r.seconds <= until || waitsByItself(c) || byAgent {
			continue
		}
		why := "stops accepting at SIGTERM"
		if _, _, stops := stopCommand(c); stops {
			why = "is stopped by its hook"
		}
		switch {
		case t.Open:
			why += ", if the hook takes no longer"
		case most > until:
			why += fmt.Sprintf(", which may come at %d to %d s", until, most)
		}
		out = append(out, fmt.Sprintf("%d to %d s: %s may still send to container %s, which %s", until, r.seconds, r.name, c.Name, why))
	}
	if s, ok := shutdownTime(c); ok && stop+s.seconds > grace {
		out = append(out, fmt.Sprintf("at %d s: requests that %s would give until %d s are killed", grace, s.name, min(stop, grace)+s.seconds))
	}
	switch {
	case byAgent && wait < grace:
	case wait >= grace:
		out = append(out, fmt.Sprintf("at %d s: the hook is cut off and container %s gets SIGKILL 2 s after SIGTERM", grace, c.Name))
	case !byAgent && c.PreStop.Most() >= grace:
		out = append(out, fmt.Sprintf("at %d s: the hook is cut off if it takes its longest, and container %s gets SIGKILL 2 s after SIGTERM", grace, c.Name))
	}
	return out
}

// admitted is the grace period that a pod has at least once admission gave it the agent; 0 if the
// manifest holds the agent.
func admitted(a agentHook, w *workload.Workload) int64 {
	if a.since == "" {
		return 0
	}
	return admittedGrace(w)
}

// finishes is what a container has to do for nothing to be lost, where the input does not say
// whether it does.
func finishes(c *workload.Container) []string {
	if _, known := shutdownTime(c); known || c.Role != workload.Main || !answers(c) {
		return nil
	}
	return []string{"container " + c.Name + " finishes its requests after SIGTERM"}
}
