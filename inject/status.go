package inject

import (
	"encoding/json"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Status is the form of the annotation lameduck.dev/status: what injection did to the pod
// and why. It also keeps what was there before, so that injection can renew its own parts.
type Status struct {
	Version    int               `json:"version"`          // 1
	Because    string            `json:"because"`          // what opted the pod in
	Policy     string            `json:"policy,omitempty"` // the DrainPolicy that gave values
	Skipped    string            `json:"skipped,omitempty"`
	Mode       v1alpha1.Mode     `json:"mode,omitempty"`
	Grace      *GraceStatus      `json:"grace,omitempty"`
	Outside    string            `json:"outside,omitempty"` // the load balancer that is waited for, and how long
	Drain      string            `json:"drain,omitempty"`   // what annotation proxy.istio.io/config was given
	Containers []ContainerStatus `json:"containers,omitempty"`
	Warnings   []string          `json:"warnings,omitempty"`
}

// GraceStatus is the grace period in seconds before and after.
type GraceStatus struct {
	Before int64 `json:"before"`
	After  int64 `json:"after"`
}

// ContainerStatus says what became of one ordinary container.
type ContainerStatus struct {
	Name string                   `json:"name"`
	Hook string                   `json:"hook"`           // "agent", "sleep 15s", "none" or "own"
	Note string                   `json:"note,omitempty"` // why, or what became of its own hook
	Was  *corev1.LifecycleHandler `json:"was,omitempty"`  // its own preStop, where replaced
	Env  []string                 `json:"env,omitempty"`  // variables that were added
}

// The values of ContainerStatus.Hook; sleep is followed by its time.
const (
	hookAgent = "agent"
	hookSleep = "sleep "
	hookNone  = "none"
	hookOwn   = "own"
)

// ReadStatus reads the annotation of a pod; nil if there is none that can be read.
func ReadStatus(annotations map[string]string) *Status {
	var status Status
	if err := json.Unmarshal([]byte(annotations[StatusAnnotation]), &status); err != nil || status.Version != 1 {
		return nil
	}
	return &status
}

func (s *Status) container(name string) *ContainerStatus {
	if s == nil {
		return nil
	}
	for i := range s.Containers {
		if s.Containers[i].Name == name {
			return &s.Containers[i]
		}
	}
	return nil
}
