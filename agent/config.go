package agent

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Config is what the agent has to know about its pod. Default is one that works.
type Config struct {
	Container string // names the container in what is reported; may be empty
	Budget    termination.Budget
	// MinWait is the least time from the hook's start to the drain, whatever was confirmed.
	MinWait time.Duration
	// FallbackWait is the least time from the hook's start to the drain when the routers
	// could not be confirmed, or the pod's connections not be seen.
	FallbackWait time.Duration
	// RestartGrace is the container's grace period when it is restarted and the pod is not
	// deleted: a liveness or startup probe's own terminationGracePeriodSeconds. Zero: the pod's
	// grace period.
	RestartGrace time.Duration
	Quiet        Quiet
	// DirectPeers makes the agent wait, even when the routers are confirmed, until each peer is
	// silent over all its connections: for peers that send to pod addresses directly, which no
	// barrier covers.
	DirectPeers bool
	// PeerCeiling bounds that wait, from the hook's start. Without a hub that says that the peers
	// came through kube-proxy the agent also waits that long, unless every peer is silent.
	PeerCeiling time.Duration
	// OutsideCeiling is the same for peers that may be a load balancer outside the cluster, where that is
	// known to go on for longer: those with a node's or no pod's address, and those of whom nobody said
	// what they are. Zero or less than PeerCeiling: that holds.
	OutsideCeiling time.Duration
	// Ports count for quiet and drain; none means every port that the pod listens on.
	Ports []uint16
	// Probes are the kubelet's; none means unknown: then one a second to each port is taken
	// for a probe.
	Probes []Probe
	// NodeAddresses are where the kubelet's probes come from.
	NodeAddresses []netip.Addr
	// Age is how long the pod has been accepting connections; zero means unknown.
	Age time.Duration
}

// Probe is one of the kubelet's probes that goes on while the pod stops: only readiness
// probes do.
type Probe struct {
	Port   uint16
	Period time.Duration
}

// DefaultGrace is the grace period that Kubernetes gives a pod that doesn't set one.
const DefaultGrace = 30 * time.Second

// Default is for a pod about which nothing is known.
func Default() Config {
	return Config{
		Budget:       termination.Default.Split(DefaultGrace),
		FallbackWait: termination.CarefulSleep,
		PeerCeiling:  termination.CarefulSleep,
		Quiet:        Quiet{Floor: termination.QuietFloor, Ceiling: termination.QuietCeiling},
	}
}

// Validate reports the first value that makes no sense.
func (c Config) Validate() error {
	if err := c.Budget.Validate(); err != nil {
		return err
	}
	if c.Budget.Grace <= 0 {
		return fmt.Errorf("grace is %v, must be more than zero", c.Budget.Grace)
	}
	if c.MinWait < 0 {
		return fmt.Errorf("min-wait is %v, must not be negative", c.MinWait)
	}
	if c.FallbackWait < 0 {
		return fmt.Errorf("fallback-wait is %v, must not be negative", c.FallbackWait)
	}
	if c.PeerCeiling < 0 {
		return fmt.Errorf("peer-ceiling is %v, must not be negative", c.PeerCeiling)
	}
	if c.OutsideCeiling < 0 {
		return fmt.Errorf("outside-ceiling is %v, must not be negative", c.OutsideCeiling)
	}
	if c.Quiet.Floor <= 0 || c.Quiet.Ceiling < c.Quiet.Floor {
		return fmt.Errorf("quiet goes from %v to %v, must go from more than zero upward", c.Quiet.Floor, c.Quiet.Ceiling)
	}
	for _, probe := range c.Probes {
		if probe.Port == 0 || probe.Period <= 0 {
			return fmt.Errorf("probe %d/%v needs a port and a period", probe.Port, probe.Period)
		}
	}
	return nil
}
