// Package census counts which pods have a hook, which should have one and don't, and which have
// another agent than new pods get. The controller's metrics and `lameduck status` use it.
package census

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// maxNamed bounds how many pods of each kind are named.
const maxNamed = 20

// Census is the count over the pods that exist and are not leaving.
type Census struct {
	Hooked       int      `json:"hooked"`
	Missing      int      `json:"missing"`               // should have a hook, and have none
	OtherAgent   int      `json:"otherAgent"`            // of those hooked: with another agent
	NamedMissing []string `json:"namedMissing,omitzero"` // NAMESPACE/NAME, at most 20
	NamedOther   []string `json:"namedOther,omitzero"`
}

// Counter counts pods one after the other.
type Counter struct {
	agentImage string
	around     map[string]inject.Surroundings
	census     Census
}

// NewCounter gives a Counter for a cluster with these namespaces and policies, in which new pods
// are given their agent from agentImage; empty if that is not known.
func NewCounter(agentImage string, namespaces []corev1.Namespace, policies []v1alpha1.DrainPolicy) *Counter {
	c := &Counter{agentImage: agentImage, around: map[string]inject.Surroundings{}}
	for i := range namespaces {
		c.around[namespaces[i].Name] = inject.Surroundings{NamespaceLabels: namespaces[i].Labels}
	}
	for i := range policies {
		around := c.around[policies[i].Namespace]
		around.Policies = append(around.Policies, policies[i])
		c.around[policies[i].Namespace] = around
	}
	return c
}

// Add counts a pod. It needs labels, annotations, the init container that injection adds, and of
// spec and status what decides whether a pod can have a hook.
func (c *Counter) Add(pod *corev1.Pod) {
	if pod.DeletionTimestamp != nil || pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed {
		return
	}
	name := pod.Namespace + "/" + pod.Name
	if status := inject.ReadStatus(pod.Annotations); status != nil && status.Skipped == "" {
		c.census.Hooked++
		if image := agentOf(pod); image != "" && c.agentImage != "" && image != c.agentImage {
			c.census.OtherAgent++
			c.census.NamedOther = append(c.census.NamedOther, name)
		}
		return
	}
	if inject.Missing(pod, c.around[pod.Namespace]) {
		c.census.Missing++
		c.census.NamedMissing = append(c.census.NamedMissing, name)
	}
}

func agentOf(pod *corev1.Pod) string {
	for i := range pod.Spec.InitContainers {
		if pod.Spec.InitContainers[i].Name == inject.InitContainer {
			return pod.Spec.InitContainers[i].Image
		}
	}
	return ""
}

// Census gives the count so far, with the first pods by name.
func (c *Counter) Census() Census {
	result := c.census
	result.NamedMissing, result.NamedOther = first(result.NamedMissing), first(result.NamedOther)
	return result
}

func first(names []string) []string {
	names = slices.SortedFunc(slices.Values(names), strings.Compare)
	return names[:min(len(names), maxNamed)]
}
