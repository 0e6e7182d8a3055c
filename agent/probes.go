package agent

import (
	"net/netip"
	"slices"
	"time"

	"github.com/lameduck-dev/lameduck/agent/sockets"
)

// assumedPeriod is that of a port's probe when the pod's probes are not known: no probe can
// be more frequent.
const assumedPeriod = time.Second

// probes tells the kubelet's probes from everything else that comes from the node. A Service's
// traffic can come from there, too (a NodePort, a client on the host's network), so each probe
// excuses one connection to its port in its period on average, and the rest counts.
type probes struct {
	nodes   []netip.Addr
	known   bool
	allowed []allowance
}

// allowance is a leaky bucket: due is when the next probe is expected, if none is late. A
// probe may seem up to half a period early, because it or the one before was seen late.
type allowance struct {
	Probe
	due time.Time
}

func (a *allowance) takeProbe(now time.Time) bool {
	if now.Before(a.due.Add(-a.Period / 2)) {
		return false
	}
	if a.due.Before(now) {
		a.due = now
	}
	a.due = a.due.Add(a.Period)
	return true
}

func newProbes(config Config) probes {
	p := probes{nodes: config.NodeAddresses, known: len(config.Probes) > 0}
	for _, probe := range config.Probes {
		p.allowed = append(p.allowed, allowance{Probe: probe})
	}
	return p
}

// excuse reports whether a new connection is taken for a probe, and uses up its allowance.
func (p *probes) excuse(c sockets.Conn, now time.Time) bool {
	if !slices.Contains(p.nodes, c.Peer) {
		return false
	}
	found := false
	for i := range p.allowed {
		a := &p.allowed[i]
		if a.Port != c.Port {
			continue
		}
		found = true
		if a.takeProbe(now) {
			return true
		}
	}
	if found || p.known {
		return false
	}
	assumed := allowance{Probe: Probe{Port: c.Port, Period: assumedPeriod}}
	assumed.takeProbe(now)
	p.allowed = append(p.allowed, assumed)
	return true
}

// excuseUnseen reports whether a connection that came and went unseen is taken for a probe: a probe
// that the kubelet closes first leaves no trace in the pod. If it was a router's after all, the
// next probe counts in its place.
func (p *probes) excuseUnseen(now time.Time) bool {
	for i := range p.allowed {
		if p.allowed[i].takeProbe(now) {
			return true
		}
	}
	return false
}

// rate is how many connections a second the known probes make.
func (p *probes) rate() float64 {
	rate := 0.0
	if p.known {
		for _, a := range p.allowed {
			rate += 1 / a.Period.Seconds()
		}
	}
	return rate
}
