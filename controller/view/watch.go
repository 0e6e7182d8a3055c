package view

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Watch follows one pod.
type Watch struct {
	view     *View
	pod      Pod
	names    map[string]struct{}
	services map[key]struct{} // those that hold the pod or held it

	look    Look
	since   uint64
	at      time.Time
	changed chan struct{}
}

// State is what is known about a pod at one moment.
type State struct {
	Look
	// Since is a resourceVersion such that the pod was out, without a break, in everything
	// seen from there on; if the pod is out.
	Since uint64
	// At is when the look last changed between in and out.
	At time.Time
	// Changed is closed when the next State may differ.
	Changed <-chan struct{}
}

// Watch begins to follow a pod; Close ends it.
func (v *View) Watch(pod Pod) *Watch {
	v.mu.Lock()
	defer v.mu.Unlock()
	w := &Watch{view: v, pod: pod, names: map[string]struct{}{}, services: map[key]struct{}{}, changed: make(chan struct{})}
	for _, name := range pod.names() {
		w.names[name] = struct{}{}
	}
	if v.watches[pod.Namespace] == nil {
		v.watches[pod.Namespace] = map[*Watch]struct{}{}
	}
	v.watches[pod.Namespace][w] = struct{}{}
	w.look = v.at(pod)
	w.since, w.at = v.version(pod.Namespace), time.Now()
	w.remember()
	return w
}

// Close ends w.
func (w *Watch) Close() {
	v := w.view
	v.mu.Lock()
	defer v.mu.Unlock()
	if delete(v.watches[w.pod.Namespace], w); len(v.watches[w.pod.Namespace]) == 0 {
		delete(v.watches, w.pod.Namespace)
	}
}

// State gives the present state.
func (w *Watch) State() State {
	w.view.mu.Lock()
	defer w.view.mu.Unlock()
	look := w.look
	switch {
	case w.view.opaque != "":
		look.Stuck = append(slices.Clip(look.Stuck), Fact{"EndpointSlices", fmt.Sprintf("the resourceVersion %.40q is no number", w.view.opaque)})
	case w.view.listed == 0:
		look.Waiting = append(slices.Clip(look.Waiting), Fact{"EndpointSlices", "they have not been listed yet"})
	}
	return State{Look: look, Since: w.since, At: w.at, Changed: w.changed}
}

func (w *Watch) wake() {
	close(w.changed)
	w.changed = make(chan struct{})
}

// version is a resourceVersion not below any change seen in the namespace.
func (v *View) version(namespace string) uint64 { return max(v.listed, v.versions[namespace]) }

// tellWatches makes the watches of the Service's pods look again.
func (v *View) tellWatches(service key) {
	for w := range v.watches[service.namespace] {
		_, known := w.services[service]
		if !known && !v.holds(service, w) {
			continue
		}
		before := w.look
		w.look = v.at(w.pod)
		w.remember()
		if !before.Out() {
			w.since = v.version(service.namespace)
		}
		if before.Out() != w.look.Out() {
			w.at = time.Now()
		}
		w.wake()
	}
}

// holds reports whether a slice of the Service holds w's pod.
func (v *View) holds(service key, w *Watch) bool {
	for name := range w.names {
		for k := range v.holding[name] {
			if serviceOf(v.slices[k]) == service {
				return true
			}
		}
	}
	return false
}

// remember adds the Services that hold the pod now to those it follows.
func (w *Watch) remember() {
	maps.Copy(w.services, w.look.services)
}
