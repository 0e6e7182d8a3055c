package controller

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	ctrlmetrics "sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/lameduck-dev/lameduck/controller/hub"
)

// metrics are the controller's own, beside those of controller-runtime.
type metrics struct {
	following   prometheus.Gauge
	settled     *prometheus.HistogramVec
	acks        prometheus.Histogram
	injections  *prometheus.CounterVec
	collections []prometheus.Collector
}

// newMetrics makes the metrics and registers them for the manager's metrics server.
func newMetrics() *metrics {
	m := unregisteredMetrics()
	for _, collector := range m.collections {
		ctrlmetrics.Registry.MustRegister(collector)
	}
	return m
}

func unregisteredMetrics() *metrics {
	m := &metrics{
		following: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "lameduck_terminations_in_progress", Help: "Pods that the hub knows to leave, and that are not gone yet.",
		}),
		settled: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "lameduck_confirm_seconds", Help: "Time from when the hub heard that a pod leaves until the hub settled its answer, by outcome: confirmed, missed or still-offered.",
			Buckets: []float64{0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60},
		}, []string{"outcome"}),
		acks: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "lameduck_barrier_ack_seconds", Help: "Time from a barrier's write until a node's kube-proxy showed that it had programmed it.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30},
		}),
		injections: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "lameduck_injections_total", Help: "Pods that the webhook was asked about, by result: injected, skipped, untouched or failed.",
		}, []string{"result"}),
	}
	m.collections = []prometheus.Collector{m.following, m.settled, m.acks, m.injections}
	return m
}

// Began, Settled and Gone make metrics the hub's observer.
func (m *metrics) Began() { m.following.Inc() }

// Settled counts an answer.
func (m *metrics) Settled(outcome hub.Outcome, took time.Duration) {
	m.settled.WithLabelValues(string(outcome)).Observe(took.Seconds())
}

// Gone counts a pod out.
func (m *metrics) Gone() { m.following.Dec() }

func (m *metrics) acknowledged(ack time.Duration) { m.acks.Observe(ack.Seconds()) }

func (m *metrics) injection(result string) { m.injections.WithLabelValues(result).Inc() }
