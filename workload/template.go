package workload

import (
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// templates says where each kind keeps its pod template, by the groups that
// have such a kind.
var templates = map[string]struct {
	groups []string
	path   []string
}{
	"Deployment":            {[]string{"apps", "extensions"}, []string{"spec", "template"}},
	"StatefulSet":           {[]string{"apps", "apps.kruise.io"}, []string{"spec", "template"}},
	"DaemonSet":             {[]string{"apps", "extensions", "apps.kruise.io"}, []string{"spec", "template"}},
	"ReplicaSet":            {[]string{"apps", "extensions"}, []string{"spec", "template"}},
	"ReplicationController": {[]string{""}, []string{"spec", "template"}},
	"Job":                   {[]string{"batch"}, []string{"spec", "template"}},
	"CronJob":               {[]string{"batch"}, []string{"spec", "jobTemplate", "spec", "template"}},
	"Rollout":               {[]string{"argoproj.io"}, []string{"spec", "template"}},
	"CloneSet":              {[]string{"apps.kruise.io"}, []string{"spec", "template"}},
	"DeploymentConfig":      {[]string{"", "apps.openshift.io"}, []string{"spec", "template"}},
	"PodTemplate":           {[]string{""}, []string{"template"}},
	"Pod":                   {[]string{""}, nil},
}

// TemplatePath is the way to the pod template of a kind that is known, empty
// where the object is the pod itself.
func TemplatePath(apiVersion, kind string) (path []string, known bool) {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		group = ""
	}
	t, known := templates[kind]
	if !known || !slices.Contains(t.groups, group) {
		return nil, false
	}
	return t.path, true
}

// Knative is the group whose Services make pods of which Knative alone decides
// how they stop: it refuses hooks, and its queue-proxy drains.
const Knative = "serving.knative.dev"

// shaped reports whether an object of an unknown kind has a pod template where nearly all kinds
// have it.
func shaped(o *manifest.Object) bool {
	return strings.Contains(o.Group(), ".") && o.Group() != Knative && isContainers(o.Spec("template", "spec", "containers"))
}

func isContainers(n *manifest.Node) bool {
	return n != nil && n.Kind == manifest.List && n.Index(0).Get("image").Set()
}

// PodsUnread reports whether an object holds pods, but is of a kind whose way of
// making them is not known.
func PodsUnread(o *manifest.Object) bool { return HoldsPods(o) && !shaped(o) }

// HoldsPods reports whether an object of a kind that is not known has containers
// somewhere in its spec, as what makes pods has.
func HoldsPods(o *manifest.Object) bool {
	_, known := TemplatePath(o.APIVersion, o.Kind)
	return !known && strings.Contains(o.Group(), ".") && o.Kind != "CustomResourceDefinition" && holdsContainers(o.Spec())
}

func holdsContainers(n *manifest.Node) bool {
	if isContainers(n.Get("containers")) {
		return true
	}
	for c := range n.All() {
		if (c.Kind == manifest.Map || c.Kind == manifest.List) && holdsContainers(c) {
			return true
		}
	}
	return false
}

// joinRollouts ties a Deployment to the Argo Rollout that takes its template.
func (s *Set) joinRollouts() {
	if len(s.byKind["Rollout"]) == 0 {
		return
	}
	byName := make(map[name][]*Workload, len(s.Workloads))
	for _, w := range s.Workloads {
		key := name{w.Kind, w.Namespace, w.Name}
		byName[key] = append(byName[key], w)
	}
	for _, rollout := range s.byKind["Rollout"] {
		ref := rollout.Spec("workloadRef")
		if rollout.Group() != "argoproj.io" || !ref.Set() {
			continue
		}
		for _, w := range nearest(rollout, byName[name{ref.Get("kind").Str(), rollout.Namespace, ref.Get("name").Str()}]) {
			w.Rollout = rollout
		}
	}
}
