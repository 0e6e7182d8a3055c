package controller

import (
	"github.com/prometheus/client_golang/prometheus"
)

// statusCollector exports as metrics what Status holds at the time of a scrape.
type statusCollector struct {
	status func() Status

	leading, lease, services, nodes, leftOut, ca *prometheus.Desc
}

func newStatusCollector(status func() Status) *statusCollector {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, labels, nil)
	}
	return &statusCollector{
		status:   status,
		leading:  desc("lameduck_leading", "1 on the replica that runs hub and barrier, else 0."),
		lease:    desc("lameduck_lease_held", "On the leader: 1 while it can renew its lease, else 0; it keeps leading until another replica does."),
		services: desc("lameduck_barrier_services", "The barrier's Services in use, by address family; 0: it can't prove anything.", "family"),
		nodes:    desc("lameduck_barrier_nodes", "Nodes by address family and state: passing, waiting (for less than 25 s) or silent (nothing is confirmed until it answers or is left out).", "family", "state"),
		leftOut:  desc("lameduck_barrier_nodes_left_out", "Nodes that the barrier does not ask, because of a label or taint."),
		ca:       desc("lameduck_ca_expiry_timestamp_seconds", "When the webhook's CA that the replica has mounted expires, in seconds since 1970; 0: it can't be read."),
	}
}

// Describe makes it a prometheus.Collector.
func (c *statusCollector) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{c.leading, c.lease, c.services, c.nodes, c.leftOut, c.ca} {
		to <- desc
	}
}

// Collect makes it a prometheus.Collector.
func (c *statusCollector) Collect(to chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	s := c.status()
	gauge(c.leading, number(s.Leading))
	expires := 0.0
	if !s.CAExpires.IsZero() {
		expires = float64(s.CAExpires.Unix())
	}
	gauge(c.ca, expires)
	if !s.Leading {
		return
	}
	gauge(c.lease, number(s.LeaseHeld))
	gauge(c.leftOut, float64(len(s.LeftOut)))
	for _, b := range s.Barrier {
		gauge(c.services, float64(len(b.Services)), string(b.Family))
		states := map[string]int{"passing": 0, "waiting": 0, "silent": 0}
		for _, node := range b.Nodes {
			switch {
			case node.Silent:
				states["silent"]++
			case node.Passing:
				states["passing"]++
			default:
				states["waiting"]++
			}
		}
		for state, n := range states {
			gauge(c.nodes, float64(n), string(b.Family), state)
		}
	}
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
