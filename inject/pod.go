// Package inject changes a pod so that it leaves as a lame duck: pure functions from a pod
// and what surrounds it to a changed pod. Webhook, command line and check --fix share them.
package inject

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Settings are the installation's: the same for every pod.
type Settings struct {
	AgentImage   string            // image that holds /lameduck-agent
	PullPolicy   corev1.PullPolicy // of that image; empty leaves it to the API server
	HubAddresses []string          // host:port, asked in this order
	HubKey       string            // the hub's public key; empty: no hub, local evidence only
}

// Validate reports what is missing, as one line.
func (s Settings) Validate() error {
	switch {
	case s.AgentImage == "":
		return fmt.Errorf("injection: the agent's image is not set")
	case s.HubKey != "" && len(s.HubAddresses) == 0:
		return fmt.Errorf("injection: the hub has a key but no address")
	}
	return nil
}

// Result is what became of a pod.
type Result struct {
	Pod      *corev1.Pod // a copy, whether changed or not
	OptedIn  bool        // whether anyone asked for injection
	Because  string      // what decided that
	Changes  []string    // what was done, for people; none if the pod is as it was
	Skipped  string      // why an opted-in pod got no hook
	Notes    []string    // what became of containers' own hooks, and which have none
	Warnings []string    // what its owner should fix: values not used, containers left alone
}

// Pod injects what the pod asks for, by its labels and annotations or by what surrounds it.
//
// It never changes its argument and never lowers a grace period. It recognises what it added
// before, whatever the settings and policies were then, and renews it: applying it twice changes
// nothing more. A pod that is opted out loses what was added, except for the grace period. A pod
// that nothing opts in or out keeps it, since it may have been injected as a file. An *Invalid
// comes with a result that holds the pod as it was.
func Pod(pod *corev1.Pod, around Surroundings, settings Settings) (Result, error) {
	result := Result{Pod: pod.DeepCopy()}
	policy, err := Resolve(pod, around)
	if err != nil {
		return result, err
	}
	result.OptedIn, result.Because, result.Warnings = policy.OptedIn, policy.Because, policy.Warnings
	if !policy.OptedIn && !policy.OptedOut {
		return result, nil
	}
	if pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		// Not even the status is written: the kubelet wants its own copy back.
		result.Skipped = "a static pod: its node's files decide what it is, the API can't change it"
		return result, nil
	}
	if err := checkNames(pod.Spec.Containers); err != nil && policy.OptedIn {
		return result, err
	}
	work := pod.DeepCopy()
	before := ReadStatus(work.Annotations)
	if err := strip(work, before); err != nil {
		return result, err
	}
	if policy.OptedOut {
		if !equality.Semantic.DeepEqual(pod, work) {
			result.Changes = []string{"took out what was injected before"}
		}
		result.Pod = work
		return result, nil
	}

	status := Status{Version: 1, Because: policy.Because, Policy: policy.From, Warnings: policy.Warnings}
	status.Skipped = skip(work, policy.Mode)
	var changes []string
	if status.Skipped == "" {
		changes, err = inject(work, policy, settings, &status, before)
		if err != nil {
			return result, err
		}
	}
	if err := annotate(work, status); err != nil {
		return result, err
	}
	result.Skipped, result.Warnings = status.Skipped, status.Warnings
	for _, c := range status.Containers {
		switch note := "container " + c.Name + ": " + c.Note; {
		case c.Note == "":
		case c.Hook == hookOwn:
			result.Warnings = append(result.Warnings, note)
		default:
			result.Notes = append(result.Notes, note)
		}
	}
	if !equality.Semantic.DeepEqual(pod, work) {
		changes = append(changes, "wrote annotation "+StatusAnnotation)
		result.Changes = changes
	}
	result.Pod = work
	return result, nil
}

// checkNames makes sure that every container has a name of its own.
func checkNames(containers []corev1.Container) error {
	seen := map[string]bool{}
	for _, c := range containers {
		if seen[c.Name] {
			return &Invalid{[]string{"spec", "containers", "[" + c.Name + "]"}, "stands twice", "give every container its own name"}
		}
		seen[c.Name] = true
	}
	return nil
}

// inject adds everything to a pod that has none of it.
func inject(pod *corev1.Pod, policy Policy, settings Settings, status *Status, before *Status) ([]string, error) {
	plans := planAll(pod, &policy, before)
	if !slices.ContainsFunc(plans, func(p plan) bool { return p.hook }) {
		status.Skipped = "no container can take the hook"
		status.Containers = statusOf(plans, policy)
		return nil, nil
	}
	if policy.Mode == v1alpha1.ModeAgent {
		if err := reserve(pod, plans, policy); err != nil {
			return nil, err
		}
	}
	var changes []string
	present := graceOf(pod)
	grace := raiseGrace(pod, policy.Budget.Needs(), before)
	status.Mode, status.Grace = policy.Mode, &grace
	if grace.After != present {
		changes = append(changes, fmt.Sprintf("raised the grace period from %d s to %d s", present, grace.After))
	}
	policy.Budget = policy.Budget.Split(period(grace.After))
	if policy.OutsideCeiling > 0 {
		status.Outside = fmt.Sprintf("%s (%s): waited for up to %d s", policy.Behind.Name, policy.Behind.Of, int64(policy.OutsideCeiling/time.Second))
		changes = append(changes, "told the agent of the "+status.Outside)
	}

	drain, tooShort := meshDrain(pod, plans, policy.Budget.Stop)
	if drain != "" {
		metav1.SetMetaDataAnnotation(&pod.ObjectMeta, istioConfig, drain)
		status.Drain = drain
		changes = append(changes, "set annotation "+istioConfig+": "+drain)
	}
	if tooShort != "" {
		status.Warnings = append(status.Warnings, tooShort)
	}
	for i := range plans {
		if p := &plans[i]; p.hook {
			p.apply(&pod.Spec.Containers[p.index], policy, settings)
			changes = append(changes, "hooked container "+p.name)
			if len(p.env) > 0 {
				changes = append(changes, "set in container "+p.name+": "+strings.Join(p.env, ", "))
			}
		}
	}
	status.Containers = statusOf(plans, policy)
	if policy.Mode == v1alpha1.ModeAgent {
		addAgent(pod, policy, settings)
		changes = append(changes, "added init container "+InitContainer)
	}
	return changes, nil
}

// raiseGrace makes the grace period at least as long as needed. A grace period that an
// earlier injection raised is reported as it was before that.
func raiseGrace(pod *corev1.Pod, needs time.Duration, before *Status) GraceStatus {
	present := graceOf(pod)
	grace := GraceStatus{Before: ownGrace(pod, before), After: max(present, int64(needs/time.Second))}
	if grace.After != present {
		pod.Spec.TerminationGracePeriodSeconds = &grace.After
	}
	return grace
}

func graceOf(pod *corev1.Pod) int64 {
	if set := pod.Spec.TerminationGracePeriodSeconds; set != nil {
		if *set < 0 {
			return 1 // as the API server takes it when the pod is deleted
		}
		return *set
	}
	return defaultGrace
}

// period is a time in seconds from the API, cut to what the agent understands.
func period(seconds int64) time.Duration {
	return time.Duration(min(seconds, int64(termination.MaxGrace/time.Second))) * time.Second
}

// maxAnnotations is the API server's bound on all annotations of an object, keys included.
const maxAnnotations = 256 << 10

func annotate(pod *corev1.Pod, status Status) error {
	text, err := json.Marshal(status)
	if err != nil {
		return fmt.Errorf("writing annotation %s: %w", StatusAnnotation, err)
	}
	if pod.Annotations == nil {
		pod.Annotations = map[string]string{}
	}
	pod.Annotations[StatusAnnotation] = string(text)
	size := 0
	for key, value := range pod.Annotations {
		size += len(key) + len(value)
	}
	if size > maxAnnotations {
		return &Invalid{annotation(StatusAnnotation), "does not fit beside the pod's other annotations", "shorten them or the containers' preStop commands"}
	}
	return nil
}

// ownGrace is the pod's grace period in seconds, as it was before anything raised it.
func ownGrace(pod *corev1.Pod, before *Status) int64 {
	present := graceOf(pod)
	if before != nil && before.Grace != nil && before.Grace.After == present && before.Grace.Before <= present {
		return before.Grace.Before
	}
	return present
}
