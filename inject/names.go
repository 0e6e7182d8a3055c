package inject

// What users write on pods and namespaces.
const (
	// Label opts a pod, or all pods of a namespace, in ("true") or out ("false").
	Label = prefix + "inject"

	StopAnnotation         = prefix + "stop"          // time from SIGTERM to exit: 20s
	MinWaitAnnotation      = prefix + "min-wait"      // least wait, whatever the evidence: 5s
	MaxWaitAnnotation      = prefix + "max-wait"      // most wait for evidence: 45s
	QuietAnnotation        = prefix + "quiet"         // bounds of the quiet window: 300ms-5s
	PortsAnnotation        = prefix + "ports"         // ports that count: 8080,http or declared
	ExistingHookAnnotation = prefix + "existing-hook" // when an own preStop runs: stop or announce
	ContainersAnnotation   = prefix + "containers"    // containers to hook: app,worker or all

	RegistryAnnotation  = prefix + "registry"  // registries that hold the pod, one a line: nacos server=nacos:8848 service=orders
	FrameworkAnnotation = prefix + "framework" // spring-boot: shut down gracefully, within stop

	// StatusAnnotation says what injection did and why; Status is its form.
	StatusAnnotation = prefix + "status"

	// DelayAnnotation and ShutdownAnnotation tell check what no manifest shows: for how many seconds
	// after SIGTERM the application accepts requests, and in how many it has finished them.
	DelayAnnotation    = prefix + "shutdown-delay-seconds"
	ShutdownAnnotation = prefix + "shutdown-seconds"

	prefix = "lameduck.dev/"
)

// NobodyAsked is the reason of a pod that nothing opts in.
const NobodyAsked = "nothing opts it in: neither the label " + Label + ": \"true\" on the pod template or the namespace, nor a DrainPolicy"

// annotations are all that lameduck reads on pods, for a hint at a misspelt one.
var annotations = []string{
	StopAnnotation, MinWaitAnnotation, MaxWaitAnnotation, QuietAnnotation, PortsAnnotation, ExistingHookAnnotation,
	ContainersAnnotation, RegistryAnnotation, FrameworkAnnotation, StatusAnnotation, DelayAnnotation, ShutdownAnnotation,
}

// What injection adds to a pod. The names are reserved: a pod that uses one for something
// else is refused with an error.
const (
	InitContainer = "lameduck-init"
	Volume        = "lameduck"
	TokenVolume   = "lameduck-token"
	// CredentialsVolume is there only if a DrainPolicy names credentials.
	CredentialsVolume = "lameduck-registry"

	// Dir is where the agent is found in every hooked container.
	Dir = "/lameduck"
	// AgentPath is the agent in a hooked container.
	AgentPath = Dir + "/agent"
	// ImageAgentPath is the agent in its own image.
	ImageAgentPath = "/lameduck-agent"
	// TokenDir is a directory in the image's root, not below /var/run: a container that
	// mounts /run or /var/run read-only could not hold a mount point inside it.
	TokenDir = "/lameduck-token"
	// TokenFile holds the token by which the hub knows the pod.
	TokenFile = TokenDir + "/token"
	// CredentialsDir holds registries' credentials: 0/password is the first one's.
	CredentialsDir = "/lameduck-registry"

	hostIPs = "LAMEDUCK_HOST_IPS"
)

const (
	// defaultGrace is what the API server puts into a pod that says nothing.
	defaultGrace = 30

	// tokenSeconds is the token's life; the kubelet renews it at 80 % of it.
	tokenSeconds = 3600
)
