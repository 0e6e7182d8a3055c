package command

import (
	"flag"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/agent"
	"github.com/lameduck-dev/lameduck/agent/hubclient"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// DefaultTokenFile is where the hub's token is mounted by default.
const DefaultTokenFile = "/var/run/lameduck/token"

// options are the flags that prestop and install have in common: install writes them down
// for prestop.
type options struct {
	hubs      []string
	hubKey    string
	tokenFile string
	parts     termination.Budget
	grace     time.Duration
	config    agent.Config
	// registries are specs: lameduck-registry reads them, the agent only passes them on.
	registries []string
	// restarts are the graces of containers that a probe restarts, by their names.
	restarts map[string]time.Duration
}

func newOptions() *options {
	return &options{
		tokenFile: DefaultTokenFile,
		parts:     termination.Default,
		grace:     agent.DefaultGrace,
		config:    agent.Default(),
	}
}

func (o *options) register(flags *flag.FlagSet) {
	flags.Func("hub", "`address` host:port of the hub; repeatable, tried in order", o.addHub)
	flags.StringVar(&o.hubKey, "hub-key", o.hubKey, "the hub's public key, base64")
	flags.StringVar(&o.tokenFile, "token-file", o.tokenFile, "the pod's projected token for the hub")
	flags.DurationVar(&o.grace, "grace", o.grace, "the pod's grace period; the parts below are fitted into it")
	flags.DurationVar(&o.parts.Announce, "announce", o.parts.Announce, "budget for telling the routers")
	flags.DurationVar(&o.parts.Confirm, "confirm", o.parts.Confirm, "budget for waiting until they have stopped")
	flags.DurationVar(&o.parts.Drain, "drain", o.parts.Drain, "budget for the requests in flight")
	flags.DurationVar(&o.parts.Stop, "stop", o.parts.Stop, "what the application needs from SIGTERM to its exit")
	flags.DurationVar(&o.parts.Margin, "margin", o.parts.Margin, "what the kubelet and the runtime need")
	flags.DurationVar(&o.config.MinWait, "min-wait", o.config.MinWait, "least time until the drain, whatever was confirmed")
	flags.DurationVar(&o.config.FallbackWait, "fallback-wait", o.config.FallbackWait, "least time until the drain when the routers could not be confirmed")
	flags.BoolVar(&o.config.DirectPeers, "direct-peers", o.config.DirectPeers, "wait until each peer is silent over all its connections, even when the routers are confirmed")
	flags.DurationVar(&o.config.PeerCeiling, "peer-ceiling", o.config.PeerCeiling, "longest wait for peers that go on sending")
	flags.DurationVar(&o.config.OutsideCeiling, "outside-ceiling", o.config.OutsideCeiling, "longest wait for peers that may be a load balancer outside the cluster, if that is more")
	flags.DurationVar(&o.config.Quiet.Floor, "quiet-floor", o.config.Quiet.Floor, "shortest time without a new connection")
	flags.DurationVar(&o.config.Quiet.Ceiling, "quiet-ceiling", o.config.Quiet.Ceiling, "longest time without a new connection that is required")
	flags.Func("restart-grace", "grace period of a container that a probe restarts, as `CONTAINER/PERIOD`; repeat for more (default: the pod's)", o.addRestart)
	flags.Func("registry", "registry that holds the pod, such as 'nacos server=nacos:8848 service=orders'; repeat for more; see lameduck-registry help", o.addRegistry)
	flags.Func("port", "`port` that counts; repeat for more (default: all that the pod listens on)", o.addPort)
	flags.Func("probe", "readiness probe as `PORT/PERIOD`, such as 8080/5s; repeat for more (default: unknown)", o.addProbe)
	flags.Func("node-address", "`address` of the node, from which probes come; repeat or separate by commas", o.addNodeAddresses)
}

func (o *options) addHub(text string) error {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" {
		return fmt.Errorf("not host:port")
	}
	if _, err := parsePort(port); err != nil {
		return err
	}
	o.hubs = append(o.hubs, text)
	return nil
}

func (o *options) addRegistry(spec string) error {
	if strings.TrimSpace(spec) == "" {
		return fmt.Errorf("empty; write it as in: nacos server=nacos:8848 service=orders")
	}
	o.registries = append(o.registries, spec)
	return nil
}

func (o *options) addPort(text string) error {
	port, err := parsePort(text)
	if err != nil {
		return err
	}
	o.config.Ports = append(o.config.Ports, port)
	return nil
}

func parsePort(text string) (uint16, error) {
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, fmt.Errorf("not a port from 1 to 65535: %q", text)
	}
	return uint16(port), nil
}

func (o *options) addProbe(text string) error {
	portText, periodText, found := strings.Cut(text, "/")
	if !found {
		return fmt.Errorf("not PORT/PERIOD, such as 8080/5s")
	}
	port, err := parsePort(portText)
	if err != nil {
		return err
	}
	period, err := time.ParseDuration(periodText)
	if err != nil || period <= 0 {
		return fmt.Errorf("not a period: %q", periodText)
	}
	o.config.Probes = append(o.config.Probes, agent.Probe{Port: port, Period: period})
	return nil
}

func (o *options) addRestart(text string) error {
	container, periodText, found := strings.Cut(text, "/")
	period, err := time.ParseDuration(periodText)
	if !found || container == "" || err != nil || period <= 0 || period > termination.MaxGrace {
		return fmt.Errorf("not CONTAINER/PERIOD, such as app/10s")
	}
	if o.restarts == nil {
		o.restarts = map[string]time.Duration{}
	}
	o.restarts[container] = period
	return nil
}

// addNodeAddresses takes what Kubernetes makes of status.hostIPs; it may be empty.
func (o *options) addNodeAddresses(text string) error {
	var addresses []netip.Addr
	for one := range strings.SplitSeq(text, ",") {
		if one = strings.TrimSpace(one); one == "" {
			continue
		}
		address, err := netip.ParseAddr(one)
		if err != nil {
			return fmt.Errorf("not an IP address: %q", one)
		}
		addresses = append(addresses, address.Unmap())
	}
	o.config.NodeAddresses = append(o.config.NodeAddresses, addresses...)
	return nil
}

// settings joins the flags. On an error its result is still usable: the defaults, and no hub.
func (o *options) settings() (agent.Config, *hubclient.Client, error) {
	config := o.config
	for name, part := range map[string]time.Duration{"announce": o.parts.Announce, "confirm": o.parts.Confirm, "drain": o.parts.Drain, "stop": o.parts.Stop, "margin": o.parts.Margin} {
		if part < 0 || part > termination.MaxGrace {
			return agent.Default(), nil, fmt.Errorf("%s is %v, must be from 0 to %v", name, part, termination.MaxGrace)
		}
	}
	if o.grace > termination.MaxGrace {
		return agent.Default(), nil, fmt.Errorf("grace is %v, must be at most %v", o.grace, termination.MaxGrace)
	}
	config.Budget = o.parts.Split(o.grace)
	if err := config.Validate(); err != nil {
		return agent.Default(), nil, err
	}
	switch {
	case len(o.hubs) == 0 && o.hubKey == "":
		return config, nil, nil
	case len(o.hubs) == 0:
		return config, nil, fmt.Errorf("hub-key is given, but no hub")
	case o.hubKey == "":
		return config, nil, fmt.Errorf("hub is given, but no hub-key")
	}
	key, err := seal.ParsePublic(o.hubKey)
	if err != nil {
		return config, nil, err
	}
	return config, &hubclient.Client{Addresses: o.hubs, Key: key, TokenFile: o.tokenFile}, nil
}
