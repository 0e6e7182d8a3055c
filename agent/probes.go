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

// probes tells the kubelet's probes from what else comes from the node. A Service's traffic
// can come from there, too (a NodePort, a client on the host's network), so each probe
// excuses one connection to its port in its period, and the rest counts.
type probes struct {
	nodes   []netip.Addr
	known   bool
	allowed []allowance
}

type allowance struct {
	Probe
	last time.Time
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
		// A tenth of the period for the kubelet's and our own unpunctuality.
		if a.last.IsZero() || now.Sub(a.last) >= a.Period-a.Period/10 {
			a.last = now
			return true
		}
	}
	if found || p.known {
		return false
	}
	p.allowed = append(p.allowed, allowance{Probe: Probe{Port: c.Port, Period: assumedPeriod}, last: now})
	return true
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
