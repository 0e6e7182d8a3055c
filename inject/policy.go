package inject

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Surroundings are what decides about a pod besides the pod itself.
type Surroundings struct {
	NamespaceLabels map[string]string
	Policies        []v1alpha1.DrainPolicy // those of the pod's namespace, in any order
	Rights          PolicyRights           // of these
	Headless        []map[string]string    // the selectors of the namespace's headless Services
	Balancers       []Behind               // the namespace's load balancers outside the cluster
	Because         string                 // what the labels stand for, if they are not the namespace's own
}

// Policy is what is asked for one pod, with nothing left open.
type Policy struct {
	OptedIn  bool
	OptedOut bool   // it was opted out; neither is true if nothing says either
	Because  string // what decided: "label on the pod", "DrainPolicy web", ...
	From     string // name of the DrainPolicy that gave values, if one did

	Mode         v1alpha1.Mode
	Budget       termination.Budget // the parts asked for; Grace is what they need together
	Sleep        time.Duration      // in mode sleep: how long, in full seconds
	MinWait      time.Duration
	FallbackWait time.Duration
	PeerCeiling  time.Duration // zero: the agent's default
	Headless     bool          // a headless Service gives out the pod's address
	Behind       *Behind       // the load balancer outside the cluster that may send for longest, if one may
	// OutsideCeiling is the longest wait for it; zero: PeerCeiling holds.
	OutsideCeiling time.Duration
	QuietFloor     time.Duration
	QuietCeiling   time.Duration
	Ports          []int32  // none: the agent finds the listening ones
	AtAnnounce     bool     // own hooks run at announce, not right before the stop
	Containers     []string // none: chosen by their ports
	Registries     []registry.Spec
	Credentials    []corev1.VolumeProjection // the registries', as files below CredentialsDir
	Framework      v1alpha1.Framework

	Warnings []string
}

// Resolve finds what is asked for the pod. Whether it is opted in is decided by, in this
// order: the pod's label, a DrainPolicy that selects it, the namespace's label. Each value
// comes from the pod's annotation, else from that DrainPolicy, else from the defaults.
//
// Of several DrainPolicies the one whose selector has the most requirements counts, then
// the oldest, then the first by name. An *Invalid is returned for values that cannot be
// read or contradict one another; a pod that is not opted in never causes one.
func Resolve(pod *corev1.Pod, around Surroundings) (Policy, error) {
	policy := Policy{Mode: v1alpha1.ModeAgent, Budget: termination.Default, FallbackWait: termination.CarefulSleep}
	own, err := optedIn(pod.Labels, "metadata", "labels", Label)
	if err != nil {
		return policy, err
	}
	if own == no {
		policy.OptedOut, policy.Because = true, "label on the pod"
		return policy, nil
	}
	chosen := choose(pod, around.Policies, &policy)
	switch {
	case own == yes:
		policy.Because = "label on the pod"
	case chosen != nil:
		policy.Because = "DrainPolicy " + chosen.Name
	default:
		fromNamespace, err := optedIn(around.NamespaceLabels, "namespace", "metadata", "labels", Label)
		if err != nil {
			return policy, err
		}
		policy.Because = cmp.Or(around.Because, "label on the namespace")
		if fromNamespace == unsaid {
			policy.Because = NobodyAsked
		}
		if fromNamespace != yes {
			policy.OptedOut = fromNamespace == no
			return policy, nil
		}
	}
	policy.OptedIn = true

	var asked wishes
	if chosen != nil {
		if asked, err = policy.adopt(chosen, around.Rights); err != nil {
			return policy, fmt.Errorf("DrainPolicy %s: %w", chosen.Name, err)
		}
	}
	if err := asked.override(pod, &policy); err != nil {
		return policy, err
	}
	policy.Headless = slices.ContainsFunc(around.Headless, func(selector map[string]string) bool {
		return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(pod.Labels))
	})
	policy.Behind = slowest(pod, around.Balancers)
	return policy, asked.apply(&policy)
}

// CheckPolicy reports what is wrong with a DrainPolicy, as an *Invalid. The API server checks the
// same by the CRD; this is for manifests that it has not seen yet.
func CheckPolicy(p *v1alpha1.DrainPolicy) error {
	_, err := new(Policy).adopt(p, PolicyRights{Any: true})
	return err
}

// adopt checks a DrainPolicy and takes over what it says. What a pod's annotations can still
// override becomes its wishes.
func (policy *Policy) adopt(p *v1alpha1.DrainPolicy, rights PolicyRights) (wishes, error) {
	if p.Spec.Selector == nil {
		return wishes{}, &Invalid{[]string{"spec", "selector"}, "is missing", "write {} to select every pod of the namespace"}
	}
	if _, err := metav1.LabelSelectorAsSelector(p.Spec.Selector); err != nil {
		return wishes{}, &Invalid{[]string{"spec", "selector"}, err.Error(), "correct the selector"}
	}
	switch p.Spec.Mode {
	case "", v1alpha1.ModeAgent, v1alpha1.ModeSleep:
	default:
		return wishes{}, &Invalid{[]string{"spec", "mode"}, fmt.Sprintf("is %q", p.Spec.Mode), "write agent or sleep"}
	}
	switch p.Spec.Framework {
	case "", v1alpha1.SpringBoot:
	default:
		return wishes{}, &Invalid{[]string{"spec", "framework"}, fmt.Sprintf("is %q", p.Spec.Framework), "write spring-boot, or leave it out"}
	}
	var err error
	var warnings []string
	if policy.Registries, policy.Credentials, warnings, err = policyRegistries(p, rights); err != nil {
		return wishes{}, err
	}
	policy.Warnings = append(policy.Warnings, warnings...)
	policy.From, policy.Framework = p.Name, p.Spec.Framework
	asked := wishesOf(p)
	return asked, asked.check()
}

type answer int

const (
	unsaid answer = iota
	yes
	no
)

// optedIn reads the label; path says where it stands, for the error.
func optedIn(set map[string]string, path ...string) (answer, error) {
	switch value, there := set[Label]; {
	case !there:
		return unsaid, nil
	case value == "true":
		return yes, nil
	case value == "false":
		return no, nil
	default:
		return unsaid, &Invalid{path, fmt.Sprintf("is %q", value), `write "true" or "false"`}
	}
}

// choose finds the one policy that counts for the pod. A policy whose selector cannot be
// read selects nothing; the pod's owner is warned, since it may have been meant for it.
func choose(pod *corev1.Pod, policies []v1alpha1.DrainPolicy, resolved *Policy) *v1alpha1.DrainPolicy {
	var best *v1alpha1.DrainPolicy
	for i := range policies {
		candidate := &policies[i]
		selector, err := metav1.LabelSelectorAsSelector(candidate.Spec.Selector)
		if err != nil {
			resolved.Warnings = append(resolved.Warnings, fmt.Sprintf("DrainPolicy %s is ignored: spec.selector: %v", candidate.Name, err))
			continue
		}
		if selector.Matches(labels.Set(pod.Labels)) && (best == nil || before(candidate, best)) {
			best = candidate
		}
	}
	return best
}

// before reports whether a goes before b when both select a pod.
func before(a, b *v1alpha1.DrainPolicy) bool {
	if x, y := requirements(a), requirements(b); x != y {
		return x > y
	}
	if !a.CreationTimestamp.Equal(&b.CreationTimestamp) {
		return a.CreationTimestamp.Before(&b.CreationTimestamp)
	}
	return a.Name < b.Name
}

func requirements(p *v1alpha1.DrainPolicy) int {
	return len(p.Spec.Selector.MatchLabels) + len(p.Spec.Selector.MatchExpressions)
}
