package rules

import (
	"math"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/shell"
)

// injectLabel opts pods, or all pods of a namespace, in to injection: the
// webhook then adds the hook and the time that it needs.
const injectLabel = "lameduck.dev/inject"

// injected reports whether the input says that the pods get their hook from
// the webhook.
func injected(w *workload.Workload) bool { return whyInjected(w) != "" }

// whyInjected is what opts the pods in to injection, "" if nothing in the input does.
func whyInjected(w *workload.Workload) string {
	switch w.Label(injectLabel).Str() {
	case "true":
		return injectLabel
	case "false":
		return ""
	}
	if all := policies(w); len(all) > 0 {
		return all[0].String()
	}
	ns := w.Input.Find(w.Object, "Namespace", "", w.Namespace)
	if ns != nil && ns.Root.Get("metadata", "labels", injectLabel).Str() == "true" {
		return injectLabel + " of " + ns.String()
	}
	return ""
}

// policies are the DrainPolicies of the input that select the pods.
func policies(w *workload.Workload) (all []*manifest.Object) {
	for _, policy := range w.Input.Kind("DrainPolicy") {
		if policy.Namespace == w.Namespace && (!policy.Spec("selector").Set() ||
			workload.MatchSelector(policy.Spec("selector"), w.Meta.Get("labels"))) {
			all = append(all, policy)
		}
	}
	return all
}

// The pods for which injection has Spring Boot shut down gracefully, unless they say how they do.
const (
	frameworkAnnotation = "lameduck.dev/framework"
	springBoot          = "spring-boot"
)

func gracefulByInjection(w *workload.Workload) bool {
	marked := w.PodAnnotation(frameworkAnnotation).Str() == springBoot ||
		slices.ContainsFunc(policies(w), func(p *manifest.Object) bool { return p.Spec("framework").Str() == springBoot })
	return marked && injected(w)
}

// serves reports whether clients reach the pods through a Service.
func serves(w *workload.Workload) bool { return !w.Finite() && len(w.Serving) > 0 }

// presumed reports whether pods count as a server's although the input shows no Service that leads
// to them: the input has no Service at all, and the pods declare a port or a probe. People name one
// file.
func presumed(w *workload.Workload) bool {
	return len(w.Input.Services) == 0 && replaced(w) && len(declaring(w)) > 0
}

// declaring are the main containers that declare a port of their own or a
// readiness probe.
func declaring(w *workload.Workload) (out []*workload.Container) {
	for _, c := range w.Containers {
		if c.Serves() && answers(c) {
			out = append(out, c)
		}
	}
	return out
}

// servingContainers are those that the Services reach, or that seem to be what
// a Service will reach.
func servingContainers(w *workload.Workload) []*workload.Container {
	if presumed(w) {
		return declaring(w)
	}
	return w.ServingContainers()
}

// whom says whom a workload's containers serve.
func whom(w *workload.Workload) string {
	if len(w.Serving) == 0 {
		return "seems to serve (no Service is in the input)"
	}
	return "serves " + w.Serving[0].String()
}

// scrapedOnly reports whether no user's request comes to a container.
func scrapedOnly(c *workload.Container) bool {
	role := roleOf(c)
	return role == exporter || role == tool || idles(c)
}

// outageOnUpdate reports whether an update stops the only pods before it starts
// new ones: a longer stop is a longer outage there.
func outageOnUpdate(w *workload.Workload) bool {
	n, _ := w.Replicas()
	return w.Kind == "Deployment" && w.Spec("strategy", "type").Str() == "Recreate" || w.Kind == "StatefulSet" && n == 1
}

// ownVolume reports whether the pods keep data in a volume that may belong to
// one pod or node.
func ownVolume(w *workload.Workload) bool {
	for volume := range w.Pod.Get("volumes").All() {
		if volume.Get("persistentVolumeClaim") != nil || volume.Get("hostPath") != nil {
			return true
		}
	}
	return w.Spec("volumeClaimTemplates").Len() > 0
}

// replaced reports whether the pods have a controller that starts another in
// a stopped one's place.
func replaced(w *workload.Workload) bool { return w.Kind != "Pod" && !w.Finite() }

// hostname is the topology of one node.
const hostname = "kubernetes.io/hostname"

// contains reports whether one of the parts is in s, in any case.
func contains(s string, parts ...string) bool {
	s = strings.ToLower(s)
	for _, p := range parts {
		if strings.Contains(s, p) {
			return true
		}
	}
	return false
}

// inScript points a finding at a command of a hook's script.
func inScript(d *check.Draft, h *workload.Hook, c shell.Command) *check.Draft {
	_, script, ok := shell.Unwrap(h.Argv())
	if !ok || c.Offset > len(script) || c.Text == "" {
		return d
	}
	return d.In(c.Text, strings.Count(script[:c.Offset], c.Text))
}

// longest is the command of a hook's script that takes the most time.
func longest(h *workload.Hook) (most shell.Command) {
	for _, c := range h.Script().Commands {
		if c.Runs != shell.No && !c.Background && c.Takes.Max > most.Takes.Max {
			most = c
		}
	}
	return most
}

// ceil rounds seconds up; what never ends is [workload.Endless].
func ceil(seconds float64) int64 { return int64(math.Ceil(min(seconds, workload.Endless))) }

// maxUnavailable is how many of n replicas a rolling update may take away, given
// the field (25 % rounded down by default).
func maxUnavailable(at *manifest.Node, n int64) int64 {
	if !at.Set() {
		return n / 4
	}
	amount, ok := workload.Amount(at, n, false)
	if !ok {
		return 0
	}
	return amount
}
