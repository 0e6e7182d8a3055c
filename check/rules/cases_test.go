package rules

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
)

// alone is a Deployment without anything that leads to it, as people name it.
const alone = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example.com/shop/web:1
        ports: [{containerPort: 8080}]
`

// TestDeploymentAlone: without its Service a Deployment that declares a port is
// read as a server's, as what it may be and no more, and the summary says so.
func TestDeploymentAlone(t *testing.T) {
	result, err := check.Run(context.Background(), parse(t, "web.yaml", alone), check.Options{Rules: All()})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range result.Findings {
		got = append(got, fmt.Sprintf("%s %s %s", f.Rule, f.Severity, f.Confidence))
	}
	want := []string{"no-spread info possible", "pdb-missing info possible", "no-prestop info possible", "no-readiness info possible"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	w := workload.Join(parse(t, "web.yaml", alone).Files).Workloads[0]
	var drawn strings.Builder
	if err := budget.Write(&drawn, Budget(w)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(drawn.String(), "not in the input: a Service") || strings.Contains(drawn.String(), "nothing is expected to be lost") {
		t.Errorf("the timeline reads as if all were well:\n%s", drawn.String())
	}
	if result.Summary.WithoutService != 1 {
		t.Errorf("the summary does not say what is missing: %+v", result.Summary)
	}
}

// shop is a Deployment of two pods with a Service, a budget and all else that
// rules ask for, so that only the hook and what leads to it can be found.
func shop(hook, meta, service string) string {
	return fmt.Sprintf(`apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  replicas: 2
  template:
    metadata: {labels: {app: web}, annotations: {%s}}
    spec:
      topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app: web}}}]
      containers:
      - name: web
        image: example.com/web:1
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
        lifecycle: {preStop: %s}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {%s selector: {app: web}, ports: [{port: 80}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow, selector: {matchLabels: {app: web}}}
`, meta, hook, service)
}

// TestCases holds what all rules together say of one hook: that each flaw is
// named once, by the rule that knows most of it.
func TestCases(t *testing.T) {
	sh := func(script string) string { return fmt.Sprintf("{exec: {command: [sh, -c, %q]}}", script) }
	for _, c := range []struct {
		name, hook, meta, service string
		want                      []string
	}{
		{"enough", "{sleep: {seconds: 15}}", "", "", nil},
		{"echo", "{exec: {command: [echo, bye]}}", "", "", []string{"prestop-wait-short"}},
		{"no sleep", "{sleep: {seconds: 0}}", "", "", []string{"prestop-wait-short"}},
		{"balanced", "{sleep: {seconds: 5}}", "", "type: LoadBalancer,", []string{"prestop-wait-short"}},
		{"local", "{sleep: {seconds: 5}}", "", "type: LoadBalancer, externalTrafficPolicy: Local,", []string{"local-traffic-wait"}},
		{"headless", "{sleep: {seconds: 5}}", "", "clusterIP: None,", []string{"dns-ttl-exceeds-wait"}},
		{"one word", `{exec: {command: ["sleep 15"]}}`, "", "", []string{"hook-cannot-run"}},
		{"infinity", "{exec: {command: [sleep, infinity]}}", "", "", []string{"prestop-exceeds-grace"}},
		{"condition", sh("[ -f /x ] && sleep 60"), "", "", []string{"prestop-exceeds-grace"}},
		{"exec", sh("exec nginx -s quit; sleep 60"), "", "", []string{"hook-stops-first"}},
		{"exit", sh("exit 0; sleep 60"), "", "", []string{"prestop-wait-short"}},
		{"stop", sh("pkill -TERM java; sleep 20"), "", "", []string{"hook-stops-first"}},
		{"stop time", "{sleep: {seconds: 25}}", "", "", []string{"stop-time-short"}},
		{"linkerd", "{sleep: {seconds: 20}}", "linkerd.io/inject: enabled", "", []string{"mesh-proxy-exits-first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			result, err := check.Run(context.Background(), parse(t, "app.yaml", shop(c.hook, c.meta, c.service)), check.Options{Rules: All()})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, f := range result.Findings {
				got = append(got, f.Rule)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}
