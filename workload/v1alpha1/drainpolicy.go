package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// DrainPolicy says how the pods that it selects leave. A pod that it selects is opted in;
// the pod's own label and annotations override it.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:shortName=drp
// +kubebuilder:printcolumn:name="Mode",type=string,JSONPath=`.spec.mode`
// +kubebuilder:printcolumn:name="Min",type=string,JSONPath=`.spec.minWait`
// +kubebuilder:printcolumn:name="Max",type=string,JSONPath=`.spec.maxWait`
// +kubebuilder:printcolumn:name="Stop",type=string,JSONPath=`.spec.stop`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type DrainPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec DrainPolicySpec `json:"spec"`
}

// DrainPolicySpec holds what differs from the defaults. Durations are written as 500ms,
// 15s or 1m30s, and are at most 24h.
//
// +kubebuilder:validation:XValidation:rule="!has(self.minWait) || !has(self.maxWait) || duration(self.minWait) <= duration(self.maxWait)",message="minWait is longer than maxWait: lower the one or raise the other"
// +kubebuilder:validation:XValidation:rule="!has(self.fallbackWait) || !has(self.maxWait) || duration(self.fallbackWait) <= duration(self.maxWait)",message="fallbackWait is longer than maxWait: lower the one or raise the other"
type DrainPolicySpec struct {
	// Selector picks pods of the policy's own namespace by their labels; {} picks all of
	// them. When several policies pick a pod, the one with the most requirements counts,
	// then the oldest, then the first by name; they are not merged.
	// +required
	Selector *metav1.LabelSelector `json:"selector"`

	// Mode is "agent" (the default: wait for evidence) or "sleep" (the kubelet's own sleep
	// of a fixed time; nothing is added to the pod but the hook).
	// +optional
	Mode Mode `json:"mode,omitempty"`

	// MinWait is the least time to wait before the pod may stop, whatever the evidence.
	// Default: 0s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	MinWait *metav1.Duration `json:"minWait,omitempty"`

	// MaxWait is the most time to wait for evidence that routers have stopped sending.
	// Default: 30s. In mode sleep it is the time to sleep, if set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be more than 0s and at most 24h"
	MaxWait *metav1.Duration `json:"maxWait,omitempty"`

	// Quiet bounds the window without new connections that the agent waits for; its length
	// follows from the pod's own rate of arrivals.
	// +optional
	Quiet *Quiet `json:"quiet,omitempty"`

	// Stop is the time that the application needs from SIGTERM to its exit. Default: 10s.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	Stop *metav1.Duration `json:"stop,omitempty"`

	// FallbackWait is the least time to wait when the hub cannot be asked. Default: 15s, or
	// MaxWait if that is shorter. In mode sleep it is the time to sleep, unless MaxWait is set.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	FallbackWait *metav1.Duration `json:"fallbackWait,omitempty"`

	// PeerCeiling is the longest wait for peers that may know the pod's own address, as ingress
	// controllers do, and go on sending to it. Default: 15s, or 40s for those that have it from the
	// DNS of a headless Service.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) <= duration('24h')",message="must be at most 24h"
	PeerCeiling *metav1.Duration `json:"peerCeiling,omitempty"`

	// Registries hold the pods besides Services: Nacos, Eureka and others. The agent takes
	// the pod out of them and waits until their consumers have stopped. MaxWait, unless it is
	// set, and with it the grace period, grow with what these may cache.
	// +optional
	// +kubebuilder:validation:MaxItems=8
	// +listType=atomic
	Registries []Registry `json:"registries,omitempty"`

	// Framework is what the application is built with, if injection is to have it shut down
	// gracefully and within Stop. "spring-boot" sets SERVER_SHUTDOWN and
	// SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE where the container doesn't itself.
	// +optional
	Framework Framework `json:"framework,omitempty"`
}

// Registry is one service in one registry.
type Registry struct {
	// Kind is the registry's: one of those that "lameduck-registry help" lists, such as nacos.
	// +kubebuilder:validation:Pattern=`^[a-z]{1,32}$`
	Kind string `json:"kind"`

	// Settings are those of "lameduck-registry help KIND", such as server and service. For a
	// Spring application what is not set is found in its own settings. The server must be one that
	// the installation names (lameduck install --registry-server). Files and variables of the
	// container (ca-file, password-env and the like) and what is one instance's own (ip, id,
	// weight, ephemeral) are for a pod's annotation, and can't be said here.
	// +optional
	// +kubebuilder:validation:MaxProperties=32
	// +kubebuilder:validation:XValidation:rule="self.all(key, !key.endsWith('-file') && !key.endsWith('-env'))",message="files and variables of the container are for a pod's own annotation: put credentials and certificates in a Secret, and name it by credentials"
	// +kubebuilder:validation:XValidation:rule="self.all(key, !(key in ['ip', 'id', 'weight', 'ephemeral']))",message="ip, id, weight and ephemeral are one instance's own: leave them out, each pod's instance is found by its address"
	Settings map[string]string `json:"settings,omitempty"`

	// Credentials are in a Secret of the pods' namespace. It is mounted into the containers that
	// have the hook, and into no others; nothing copies it.
	// +optional
	Credentials *Credentials `json:"credentials,omitempty"`
}

// Credentials names a Secret, and the keys in it that hold what the registry asks for.
type Credentials struct {
	// SecretName begins with "lameduck-", which says that the Secret was made for this, or is one
	// that the installation names (lameduck install --registry-secret).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	SecretName string `json:"secretName"`

	// UsernameKey and PasswordKey go together, and hold a user's name and password.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	UsernameKey string `json:"usernameKey,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=253
	PasswordKey string `json:"passwordKey,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=253
	TokenKey string `json:"tokenKey,omitempty"`

	// CAKey holds the certificate of the authority that signed the server's (PEM).
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CAKey string `json:"caKey,omitempty"`
	// CertKey and KeyKey hold the client's certificate and its key (PEM), and go together.
	// +optional
	// +kubebuilder:validation:MaxLength=253
	CertKey string `json:"certKey,omitempty"`
	// +optional
	// +kubebuilder:validation:MaxLength=253
	KeyKey string `json:"keyKey,omitempty"`
}

// Framework is what an application is built with.
//
// +kubebuilder:validation:Enum=spring-boot
type Framework string

// SpringBoot shuts down at once before 3.4, unless it is told to do so gracefully.
const SpringBoot Framework = "spring-boot"

// Mode says who waits.
//
// +kubebuilder:validation:Enum=agent;sleep
type Mode string

// The modes.
const (
	ModeAgent Mode = "agent" // the agent waits for evidence
	ModeSleep Mode = "sleep" // the kubelet sleeps a fixed time
)

// Quiet bounds the window without new connections.
//
// +kubebuilder:validation:XValidation:rule="!has(self.floor) || !has(self.ceiling) || duration(self.floor) <= duration(self.ceiling)",message="floor is longer than ceiling: lower the one or raise the other"
type Quiet struct {
	// Floor is the shortest window. Default: 300ms, or Ceiling if that is shorter.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be more than 0s and at most 24h"
	Floor *metav1.Duration `json:"floor,omitempty"`

	// Ceiling is the longest window. Default: 1s, or Floor if that is longer.
	// +optional
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Pattern=`^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`
	// +kubebuilder:validation:XValidation:rule="duration(self) > duration('0s') && duration(self) <= duration('24h')",message="must be more than 0s and at most 24h"
	Ceiling *metav1.Duration `json:"ceiling,omitempty"`
}

// DrainPolicyList is a list of policies.
//
// +kubebuilder:object:root=true
type DrainPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []DrainPolicy `json:"items"`
}
