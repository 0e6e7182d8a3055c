package controller

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/controller/census"
	"github.com/lameduck-dev/lameduck/controller/hub"
)

var update = flag.Bool("update", false, "write the generated page anew")

const metricsPage = "../docs/metrics.md"

// TestMetricsPage keeps the page about the metrics as the code is.
func TestMetricsPage(t *testing.T) {
	m := unregisteredMetrics(func() Status {
		return Status{Leading: true, Barrier: []BarrierStatus{{Family: corev1.IPv4Protocol}}}
	})
	registry := prometheus.NewPedanticRegistry()
	for _, collector := range m.collections {
		registry.MustRegister(collector)
	}
	m.Began()
	m.Gone()
	m.Found(hub.Confirmed, time.Second)
	m.acknowledged(time.Second)
	m.injection("injected")
	m.counted(census.Census{})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	page.WriteString("<!-- Generated: go test ./controller -run MetricsPage -update -->\n# Metrics\n\n" +
		"The controller serves them at `:8081/metrics`, beside those of Go and controller-runtime. Hub and barrier are the leader's: sum over the replicas. Alert rules: [deploy/alerts.yaml](../deploy/alerts.yaml), [what they mean](controller.md#status-and-alerts).\n\n" +
		"| metric | type | labels | what |\n|---|---|---|---|\n")
	for _, family := range families {
		var labels []string
		for _, label := range family.GetMetric()[0].GetLabel() {
			labels = append(labels, "`"+label.GetName()+"`")
		}
		slices.Sort(labels)
		fmt.Fprintf(&page, "| `%s` | %s | %s | %s |\n", family.GetName(), strings.ToLower(family.GetType().String()), strings.Join(labels, ", "), family.GetHelp())
	}
	if *update {
		if err := os.WriteFile(metricsPage, []byte(page.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	written, err := os.ReadFile(metricsPage)
	if err != nil || string(written) != page.String() {
		t.Errorf("%s is stale (%v): run this test with -update", metricsPage, err)
	}
}
