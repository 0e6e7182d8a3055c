package controller

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestAlerts holds the alert rules to the metrics that there are, and each metric of Status to a rule.
func TestAlerts(t *testing.T) {
	text, err := os.ReadFile("../deploy/alerts.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	if err := yaml.UnmarshalStrict(text, &file); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(metricsPage)
	if err != nil {
		t.Fatal(err)
	}
	guide, err := os.ReadFile("../docs/controller.md")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	severities := map[string]bool{"critical": true, "warning": true, "info": true}
	for _, rule := range file.Groups[0].Rules {
		if !severities[rule.Labels["severity"]] || rule.Annotations["summary"] == "" || rule.Annotations["description"] == "" {
			t.Errorf("%s lacks a severity, a summary or a description", rule.Alert)
		}
		if !strings.Contains(string(guide), rule.Alert) {
			t.Errorf("docs/controller.md does not name %s", rule.Alert)
		}
		for _, metric := range regexp.MustCompile(`lameduck_[a-z_]+`).FindAllString(rule.Expr, -1) {
			if !strings.Contains(string(page), "`"+metric+"`") {
				t.Errorf("%s: there is no metric %s", rule.Alert, metric)
			}
		}
		all.WriteString(rule.Expr + "\n")
	}
	_, table, _ := strings.Cut(string(guide), "| check | what | alerts |")
	table, _, _ = strings.Cut(table, "\n\n")
	for row := range strings.Lines(table) {
		if strings.HasPrefix(row, "| `") && !strings.Contains(row, "| `Lameduck") {
			t.Errorf("a check of lameduck status without an alert: %s", row)
		}
	}
	for _, metric := range []string{
		"lameduck_leading", "lameduck_lease_held", "lameduck_barrier_services", "lameduck_barrier_nodes", "lameduck_barrier_failures_total",
		"lameduck_ca_expiry_timestamp_seconds", "lameduck_pods", "lameduck_leftovers", "lameduck_agents_total", "lameduck_injections_total",
	} {
		if !strings.Contains(all.String(), metric) {
			t.Errorf("no rule rests on %s", metric)
		}
	}
}
