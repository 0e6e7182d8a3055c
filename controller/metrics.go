package controller

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/census"
	"github.com/lameduck-dev/lameduck/controller/hub"
)

// metrics are the controller's own, beside those of controller-runtime.
type metrics struct {
	following    prometheus.Gauge
	confirmTimes *prometheus.HistogramVec
	acks         prometheus.Histogram
	injections   *prometheus.CounterVec
	failures     *prometheus.CounterVec
	agents       *prometheus.CounterVec
	pods         *prometheus.GaugeVec
	leftovers    prometheus.Gauge
	status       *statusCollector
	collections  []prometheus.Collector

	heard, unheard atomic.Int64 // what agents counts
}

// newMetrics makes the metrics and registers them for the manager's metrics server.
func newMetrics(status func() Status) *metrics {
	m := unregisteredMetrics(status)
	for _, collector := range m.collections {
		ctrlmetrics.Registry.MustRegister(collector)
	}
	return m
}

func unregisteredMetrics(status func() Status) *metrics {
	m := &metrics{
		following: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lameduck_terminations_in_progress", Help: "Pods that the hub knows to be leaving, and that are not gone yet.",
		}),
		confirmTimes: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lameduck_confirm_seconds", Help: "Time from when the hub heard that a pod is leaving until it had its answer, by outcome: confirmed, missed, still-offered or behind.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"outcome"}),
		acks: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lameduck_barrier_ack_seconds", Help: "Time from a barrier's write until a node's rules showed it.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}),
		injections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lameduck_injections_total", Help: "Pods that the webhook was asked about, by result: injected, skipped, untouched or failed.",
		}, []string{"result"}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lameduck_barrier_failures_total", Help: "Times that the barrier had to start over, by reason: altered (an admission policy changes its objects), lost (somebody changed or removed them) or failed.",
		}, []string{"reason"}),
		agents: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lameduck_agents_total", Help: "Pods with an agent that stopped, by whether their agent reached the hub: true or false.",
		}, []string{"reached"}),
		pods: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "lameduck_pods", Help: "Pods by their hook: agent (of the image that new pods get), other-agent (of another image) or missing (asked for, and not there).",
		}, []string{"hook"}),
		leftovers: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lameduck_leftovers", Help: "Services of the barrier that the leader does not use and that are older than 10 minutes; it removes them itself, if it can. Role bindings that are left over are found by lameduck status alone.",
		}),
		status: newStatusCollector(status),
	}
	// A counter that is not there yet can't be seen to rise from zero.
	for _, reason := range []string{"altered", "lost", "failed"} {
		m.failures.WithLabelValues(reason)
	}
	for _, reached := range []string{"true", "false"} {
		m.agents.WithLabelValues(reached)
	}
	m.collections = []prometheus.Collector{m.following, m.confirmTimes, m.acks, m.injections, m.failures, m.agents, m.pods, m.leftovers, m.status}
	return m
}

// Began, Found and Gone make metrics the hub's observer.
func (m *metrics) Began() { m.following.Inc() }

// Found counts an answer.
func (m *metrics) Found(outcome hub.Outcome, took time.Duration) {
	m.confirmTimes.WithLabelValues(string(outcome)).Observe(took.Seconds())
}

// Gone counts a pod out.
func (m *metrics) Gone() { m.following.Dec() }

func (m *metrics) acknowledged(ack time.Duration) { m.acks.Observe(ack.Seconds()) }

func (m *metrics) injection(result string) { m.injections.WithLabelValues(result).Inc() }

func (m *metrics) barrierFailed(err error) {
	reason := "failed"
	switch {
	case errors.Is(err, barrier.ErrAltered):
		reason = "altered"
	case errors.Is(err, barrier.ErrLost):
		reason = "lost"
	}
	m.failures.WithLabelValues(reason).Inc()
}

// stopped counts a pod with an agent that is gone.
func (m *metrics) stopped(reached bool) {
	if reached {
		m.heard.Add(1)
		m.agents.WithLabelValues("true").Inc()
		return
	}
	m.unheard.Add(1)
	m.agents.WithLabelValues("false").Inc()
}

func (m *metrics) heardCounts() (heard, unheard int) {
	return int(m.heard.Load()), int(m.unheard.Load())
}

func (m *metrics) counted(c census.Census) {
	m.pods.WithLabelValues("agent").Set(float64(c.Hooked - c.OtherAgent))
	m.pods.WithLabelValues("other-agent").Set(float64(c.OtherAgent))
	m.pods.WithLabelValues("missing").Set(float64(c.Missing))
}
