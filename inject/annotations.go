package inject

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/workload/fields"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// override reads the pod's annotations: durations replace wishes, the rest goes into the policy.
// Unknown annotations of lameduck give a warning: they may be misspelt.
func (w *wishes) override(pod *corev1.Pod, policy *Policy) error {
	for _, key := range slices.Sorted(maps.Keys(pod.Annotations)) {
		value := strings.TrimSpace(pod.Annotations[key])
		var err error
		switch key {
		case StopAnnotation:
			w.stop, err = durationWish(key, value)
		case MinWaitAnnotation:
			w.minWait, err = durationWish(key, value)
		case MaxWaitAnnotation:
			w.maxWait, err = durationWish(key, value)
		case QuietAnnotation:
			err = w.overrideQuiet(key, value)
		case PortsAnnotation:
			policy.Ports, err = portList(pod, value)
		case ContainersAnnotation:
			policy.Containers, err = containerList(pod, value)
		case ExistingHookAnnotation:
			policy.AtAnnounce = value == "announce"
			if value != "announce" && value != "stop" {
				err = &Invalid{annotation(key), fmt.Sprintf("is %q", value), "write stop (after drain, the default) or announce (at once)"}
			}
		case RegistryAnnotation:
			policy.Registries, err = annotatedRegistries(value)
			policy.Credentials = nil
		case FrameworkAnnotation:
			policy.Framework = v1alpha1.Framework(value)
			if policy.Framework != v1alpha1.SpringBoot {
				err = &Invalid{annotation(key), fmt.Sprintf("is %q", value), "write spring-boot, or leave it out"}
			}
		case Label:
			err = &Invalid{annotation(key), "is a label, not an annotation", "move it to metadata.labels"}
		case StatusAnnotation, DelayAnnotation, ShutdownAnnotation:
		default:
			if strings.HasPrefix(key, prefix) && !strings.HasPrefix(key, ignorePrefix) {
				policy.Warnings = append(policy.Warnings, unknownAnnotation(key))
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func unknownAnnotation(key string) string {
	hint := "is it misspelt?"
	if near := fields.Near(key, annotations); near != "" {
		hint = "did you mean " + near + "?"
	}
	return "annotation " + key + " is not known to injection: " + hint
}

// ignorePrefix begins the annotations by which findings of check are suppressed.
const ignorePrefix = prefix + "ignore."

func (w *wishes) overrideQuiet(key, value string) error {
	floor, ceiling, both := strings.Cut(value, "-")
	if !both {
		return &Invalid{annotation(key), fmt.Sprintf("is %q", value), "write the shortest and the longest window, such as 300ms-5s"}
	}
	var err error
	if w.quietFloor, err = durationWish(key, strings.TrimSpace(floor)); err != nil {
		return err
	}
	w.quietCeiling, err = durationWish(key, strings.TrimSpace(ceiling))
	return err
}

func durationWish(key, value string) (wish, error) {
	d, err := time.ParseDuration(value)
	if err != nil {
		remedy := "write a duration such as 500ms, 15s or 1m30s"
		if _, err := strconv.ParseUint(value, 10, 32); err == nil {
			remedy = "add a unit, such as " + value + "s"
		}
		return wish{}, &Invalid{annotation(key), fmt.Sprintf("is %q", value), remedy}
	}
	return wish{value: d, path: annotation(key)}, nil
}

// portList reads numbers, names of the containers' ports, or "declared" for all their TCP ports.
func portList(pod *corev1.Pod, value string) ([]int32, error) {
	invalid := func(problem string) error {
		return &Invalid{annotation(PortsAnnotation), problem, "write port numbers, names of the containers' ports, or declared"}
	}
	var ports []int32
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if number, err := strconv.Atoi(item); err == nil {
			if number < 1 || number > 65535 {
				return nil, invalid(fmt.Sprintf("has %d, which is not a port", number))
			}
			ports = append(ports, int32(number))
			continue
		}
		found := declaredPorts(pod, item)
		if len(found) == 0 {
			return nil, invalid(fmt.Sprintf("has %q, which no container declares for TCP", item))
		}
		ports = append(ports, found...)
	}
	slices.Sort(ports)
	return slices.Compact(ports), nil
}

// declaredPorts are the TCP ports of that name, or all for "declared".
func declaredPorts(pod *corev1.Pod, name string) []int32 {
	var ports []int32
	for _, c := range serving(&pod.Spec) {
		for _, port := range c.Ports {
			tcp := port.Protocol == "" || port.Protocol == corev1.ProtocolTCP
			if tcp && name != "" && (name == "declared" || name == port.Name) {
				ports = append(ports, port.ContainerPort)
			}
		}
	}
	return ports
}

// serving are the containers that can serve requests: ordinary ones and native sidecars.
func serving(spec *corev1.PodSpec) []*corev1.Container {
	var found []*corev1.Container
	for i := range spec.InitContainers {
		if c := &spec.InitContainers[i]; c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			found = append(found, c)
		}
	}
	for i := range spec.Containers {
		found = append(found, &spec.Containers[i])
	}
	return found
}

func containerList(pod *corev1.Pod, value string) ([]string, error) {
	var all, chosen []string
	for i := range pod.Spec.Containers {
		all = append(all, pod.Spec.Containers[i].Name)
	}
	if value == "all" {
		return all, nil
	}
	for item := range strings.SplitSeq(value, ",") {
		item = strings.TrimSpace(item)
		if !slices.Contains(all, item) {
			return nil, &Invalid{annotation(ContainersAnnotation), fmt.Sprintf("has %q, which is not a container of the pod", item), "write names out of " + strings.Join(all, ", ") + ", or all"}
		}
		chosen = append(chosen, item)
	}
	return chosen, nil
}
