package rules

import (
	"fmt"

	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
)

// router is who sends to the pods, and how long it was seen to go on after a
// pod began to leave, in seconds.
type router struct {
	name    string
	seconds int64
	note    string
}

// routersOf are the routers that the input shows.
func routersOf(w *workload.Workload) []router {
	var out []router
	if len(w.Serving) > 0 {
		out = append(out, router{"kube-proxy", 1, "1 s at rest, 10 to 25 s seen at 5,000 nodes"})
	}
	balancer, headless, routed := false, false, false
	for _, s := range w.Services {
		balancer = balancer || s.Spec("type").Str() == "LoadBalancer" || ipTargets(s) != nil
		headless = headless || s.Headless
		routed = routed || len(s.Routes) > 0
	}
	if headless {
		out = append(out, router{"DNS", 30, "TTL 5 s by default, 30 s as kubeadm sets it up"})
	}
	if routed && !balancer {
		out = append(out, router{"ingress or gateway", 2, "watches the same EndpointSlices; each reloads in its own time"})
	}
	if balancer {
		out = append(out, router{"load balancer", 20, "6 to 12 s seen on GKE, about 19 s on an ALB"})
	}
	for _, c := range w.Containers {
		registry, _, ok := registered(c)
		if !ok {
			continue
		}
		stale := router{registry.name + "'s consumers", balancerCache, "the default cache of Spring Cloud LoadBalancer"}
		switch registry.name {
		case "Eureka":
			stale = router{"Eureka's consumers", eurekaStale, "22 to 58 s seen, 95 s at worst"}
		case dubbo:
			stale = router{"Dubbo's consumers", dubboStale, "1 to 3 s seen"}
		}
		if onlyWaits(c.PreStop) {
			wait, _ := c.PreStop.Wait()
			stale.seconds += wait
			stale.note += "; told only after SIGTERM"
		}
		return append(out, stale)
	}
	return out
}

// Budget is what a workload's stop looks like by its manifests.
func Budget(w *workload.Workload) budget.Budget {
	grace, at := w.Grace()
	b := budget.Budget{Object: w.String(), Grace: grace, Default: !at.Set()}
	routers := routersOf(w)
	for _, r := range routers {
		b.Routers = append(b.Routers, budget.Span{Name: r.name, End: r.seconds, Note: r.note})
	}
	for _, c := range w.Running() {
		b.Pods = append(b.Pods, spans(c, grace))
		b.Losses = append(b.Losses, losses(c, grace, routers)...)
	}
	return b
}

func spans(c *workload.Container, grace int64) budget.Container {
	out := budget.Container{Name: c.Name}
	wait, _ := c.PreStop.Wait()
	switch {
	case c.PreStop == nil && c.Role == workload.Main:
		out.Spans = append(out.Spans, budget.Span{Name: "no preStop", Note: "SIGTERM at once"})
	case c.PreStop != nil:
		out.Spans = append(out.Spans, budget.Span{Name: "preStop", End: min(wait, grace), Note: fmt.Sprintf("waits %d s for certain", wait)})
	}
	start := min(wait, grace)
	if c.Role == workload.Sidecar {
		return add(out, budget.Span{Name: "SIGTERM to exit", Start: grace, End: grace, Note: "after the main containers; 2 s if they used all"})
	}
	if s, ok := shutdownTime(c); ok {
		return add(out, budget.Span{Name: "SIGTERM to exit", Start: start, End: start + s.seconds, Note: fmt.Sprintf("up to %d s: %s", s.seconds, s.name)})
	}
	return add(out, budget.Span{Name: "SIGTERM to exit", Start: start, End: grace, Note: fmt.Sprintf("%d s at most; what the program does with it is not known", max(0, grace-start))})
}

func add(c budget.Container, s budget.Span) budget.Container {
	c.Spans = append(c.Spans, s)
	return c
}

// losses says in words where a container loses requests.
func losses(c *workload.Container, grace int64, routers []router) []string {
	var out []string
	wait, _ := c.PreStop.Wait()
	stop := min(wait, grace)
	serving := false
	for _, s := range c.Pod.Services {
		serving = serving || s.Reaches(c)
	}
	if _, _, ok := registered(c); ok {
		serving = true
	}
	for _, r := range routers {
		if serving && r.seconds > stop && !waitsByItself(c) {
			out = append(out, fmt.Sprintf("%d to %d s: %s may still send to container %s, which stops accepting at SIGTERM", stop, r.seconds, r.name, c.Name))
		}
	}
	if s, ok := shutdownTime(c); ok && stop+s.seconds > grace {
		out = append(out, fmt.Sprintf("at %d s: requests that %s would give until %d s are killed", grace, s.name, stop+s.seconds))
	}
	if wait >= grace {
		out = append(out, fmt.Sprintf("at %d s: the hook is cut off and container %s gets SIGKILL 2 s after SIGTERM", grace, c.Name))
	}
	return out
}
