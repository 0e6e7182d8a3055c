package workload

import (
	"math"
	"strconv"
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// DefaultGrace is terminationGracePeriodSeconds where a pod sets none, in
// seconds (k8s.io/api/core/v1, PodSpec).
const DefaultGrace = 30

// Workload is a pod template with everything that bears on it.
type Workload struct {
	*manifest.Object
	Meta *manifest.Node // the pod template's metadata
	Pod  *manifest.Node // the pod template's spec

	Containers []*Container // the main containers
	Sidecars   []*Container // native sidecars, in their order
	Inits      []*Container // the other init containers

	Services []*Service
	Serving  []*Service // those whose clients lose requests when a pod goes: with an address, and more than metrics behind it
	PDBs     []*PDB
	HPAs     []*HPA
	Input    *Set

	// Rollout is the Argo Rollout whose pods are made of this Deployment's
	// template, nil if there is none.
	Rollout *manifest.Object
}

// newWorkload returns nil for an object that has no pod template, that another
// one controls, or that is only a patch: containers without an image.
func newWorkload(o *manifest.Object) *Workload {
	path, ok := TemplatePath(o.APIVersion, o.Kind)
	if !ok && shaped(o) {
		path, ok = []string{"spec", "template"}, true
	}
	if !ok {
		return nil
	}
	for owner := range o.Root.Get("metadata", "ownerReferences").All() {
		if owner.Get("controller").IsTrue() {
			return nil // its owner's template is the one to change
		}
	}
	template := o.Root.Get(path...)
	w := &Workload{Object: o, Meta: template.Get("metadata"), Pod: template.Get("spec")}
	for n := range w.Pod.Get("containers").All() {
		w.Containers = append(w.Containers, newContainer(w, n, Main))
	}
	for n := range w.Pod.Get("initContainers").All() {
		if n.Get("restartPolicy").Str() == "Always" {
			w.Sidecars = append(w.Sidecars, newContainer(w, n, Sidecar))
		} else {
			w.Inits = append(w.Inits, newContainer(w, n, Init))
		}
	}
	for _, c := range w.Containers {
		if c.Image == "" {
			return nil
		}
	}
	if len(w.Containers) == 0 {
		return nil
	}
	return w
}

// Running are the containers that run when the pod is stopped.
func (w *Workload) Running() []*Container {
	if len(w.Sidecars) == 0 {
		return w.Containers
	}
	return append(append([]*Container{}, w.Containers...), w.Sidecars...)
}

// Label is a label of the pod template.
func (w *Workload) Label(key string) *manifest.Node { return w.Meta.Get("labels", key) }

// PodAnnotation is an annotation of the pod template, else of the object.
func (w *Workload) PodAnnotation(key string) *manifest.Node {
	if n := w.Meta.Get("annotations", key); n != nil {
		return n
	}
	return w.Root.Get("metadata", "annotations", key)
}

// Grace is the pod's grace period in seconds, and where it is set; nil if it is the default.
func (w *Workload) Grace() (seconds int64, at *manifest.Node) {
	at = w.Pod.Get("terminationGracePeriodSeconds")
	seconds, ok := at.Int()
	if !ok {
		return DefaultGrace, at
	}
	if seconds < 0 {
		return 1, at // as the API server takes it when the pod is deleted
	}
	return seconds, at
}

// LongestWait is the container whose preStop waits longest.
func (w *Workload) LongestWait() (seconds int64, c *Container) {
	for _, each := range w.Running() {
		if wait, _ := each.PreStop.Wait(); each.PreStop != nil && (c == nil || wait > seconds) {
			seconds, c = wait, each
		}
	}
	return seconds, c
}

// Scales reports whether the kind keeps a number of interchangeable pods.
func (w *Workload) Scales() bool {
	switch w.Kind {
	case "Deployment", "StatefulSet", "ReplicaSet", "ReplicationController", "Rollout", "CloneSet", "DeploymentConfig":
		return true
	}
	return false
}

// Finite reports whether the pods are meant to end on their own.
func (w *Workload) Finite() bool {
	if w.Kind == "Pod" {
		return false
	}
	restart := w.Pod.Get("restartPolicy").Str()
	return w.Kind == "Job" || w.Kind == "CronJob" || restart == "Never" || restart == "OnFailure"
}

// Replicas is the least number of pods that the manifests ask for: the autoscaler's minimum, or
// spec.replicas, 1 by default. The node holds it, nil for the default. A workload at zero is
// switched off.
func (w *Workload) Replicas() (n int64, at *manifest.Node) {
	for _, h := range w.HPAs {
		return h.Min()
	}
	at = w.Spec("replicas")
	if w.Rollout != nil {
		at = w.Rollout.Spec("replicas")
	}
	if i, ok := at.Int(); ok {
		return i, at
	}
	return 1, at
}

// ServingContainers are the main containers that the Services' ports reach.
// Where the ports tell nothing and there is one main container, it is that.
func (w *Workload) ServingContainers() []*Container {
	var out []*Container
	for _, c := range w.Containers {
		for _, s := range w.Serving {
			if s.Reaches(c) {
				out = append(out, c)
				break
			}
		}
	}
	return out
}

// Amount resolves a number or percentage of total, rounded up or down.
func Amount(n *manifest.Node, total int64, up bool) (int64, bool) {
	if i, ok := n.Int(); ok {
		return i, true
	}
	text, percent := strings.CutSuffix(n.Str(), "%")
	if !percent {
		return 0, false
	}
	p, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, false
	}
	f := float64(p) * float64(total) / 100
	if up {
		return int64(math.Ceil(f)), true
	}
	return int64(math.Floor(f)), true
}
