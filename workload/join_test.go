package workload

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/manifest"
)

const shop = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  replicas: 3
  template:
    metadata: {labels: {app: web, tier: front}}
    spec:
      initContainers:
      - {name: proxy, image: "envoy:1", restartPolicy: Always}
      - {name: migrate, image: m}
      containers:
      - name: web
        image: registry:5000/team/web:1.2@sha256:0
        args: [--port, "8080", --x=y]
        ports: [{name: http, containerPort: 8080}]
        env: [{name: A, value: a}, {name: B, valueFrom: {configMapKeyRef: {name: conf, key: b}}}]
        envFrom: [{prefix: P_, configMapRef: {name: conf}}]
        volumeMounts: [{name: v, mountPath: /config}]
        lifecycle: {preStop: {exec: {command: [sh, -c, sleep 20 && nginx -s quit]}}}
      volumes: [{name: v, configMap: {name: conf}}]
---
apiVersion: v1
kind: ConfigMap
metadata: {name: conf, namespace: shop}
data:
  b: from-map
  application.yml: |
    spring.lifecycle:
      timeout-per-shutdown-phase: 45s
    ---
    spring: {config: {activate: {on-profile: dev}}, application: {name: dev}}
  other.properties: spring.application.name=ignored
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: v1
kind: Service
metadata: {name: web-metrics, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 9, name: http-metrics}]}
---
apiVersion: v1
kind: Service
metadata: {name: other, namespace: elsewhere}
spec: {selector: {app: web}}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web, namespace: shop}
spec: {selector: {matchExpressions: [{key: tier, operator: In, values: [front, back]}, {key: x, operator: DoesNotExist}]}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec: {minReplicas: 2, scaleTargetRef: {kind: Deployment, name: web}}
`

func TestJoin(t *testing.T) {
	file, problems := manifest.Parse("shop.yaml", shop)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	set := Join([]*manifest.File{file})
	w := set.Workloads[0]
	c := w.Containers[0]
	setting := func(s Setting, ok bool) string { return fmt.Sprint(s.Value, ok) }
	replicas, _ := w.Replicas()
	wait, _ := c.PreStop.Wait()
	flag, _, _ := c.Flag("port")
	for _, got := range []struct{ name, have, want string }{
		{"workloads", fmt.Sprint(len(set.Workloads)), "1"},
		{"services", fmt.Sprintf("%s,%s,%d", w.Services[0].Name, w.Services[1].Name, len(w.Services)), "web,web-metrics,2"},
		{"serving", fmt.Sprintf("%d %s", len(w.Serving), w.ServingContainers()[0].Name), "1 web"},
		{"budgets", fmt.Sprint(len(w.PDBs), len(w.HPAs)), "1 1"},
		{"replicas", fmt.Sprint(replicas), "2"},
		{"roles", fmt.Sprint(len(w.Sidecars), len(w.Inits), len(w.Running())), "1 1 2"},
		{"image", c.ImageName() + " " + c.Tag() + " " + c.ImageRepo(), "web 1.2 registry:5000/team/web"},
		{"env", setting(c.Env("A")), "atrue"},
		{"env from key", setting(c.Env("B")), "from-maptrue"},
		{"envFrom", setting(c.Env("P_b")), "from-maptrue"},
		{"no env", setting(c.Env("C")), "false"},
		{"property", setting(c.Property("spring.lifecycle.timeout-per-shutdown-phase")), "45strue"},
		{"profile", setting(c.Property("spring.application.name")), "false"},
		{"wait", fmt.Sprint(wait), "20"},
		{"flag", flag, "8080"},
	} {
		if got.have != got.want {
			t.Errorf("%s: %q, want %q", got.name, got.have, got.want)
		}
	}
}

// TestVariantsOfOneName: a base and an overlay that both hold the object do
// not select each other's pods.
func TestVariantsOfOneName(t *testing.T) {
	var files []*manifest.File
	for _, dir := range []string{"base", "overlay"} {
		f, _ := manifest.Parse(dir+"/web.yaml", strings.Split(shop, "\n---\n")[0])
		s, _ := manifest.Parse(dir+"/service.yaml", strings.Split(shop, "\n---\n")[2])
		files = append(files, f, s)
	}
	for _, w := range Join(files).Workloads {
		if len(w.Services) != 1 || distance(w.Object, w.Services[0].Object) != 1 {
			t.Errorf("%s: %d services", w.File.Path, len(w.Services))
		}
	}
}

func TestMatchSelector(t *testing.T) {
	for _, c := range []struct {
		selector string
		want     bool
	}{
		{"{}", true},
		{"{matchLabels: {a: b}}", true},
		{"{matchLabels: {a: c}}", false},
		{"{matchExpressions: [{key: a, operator: NotIn, values: [c]}]}", true},
		{"{matchExpressions: [{key: a, operator: NotIn, values: [b]}]}", false},
		{"{matchExpressions: [{key: a, operator: Exists}]}", true},
		{"{matchExpressions: [{key: z, operator: Exists}]}", false},
		{"{matchExpressions: [{key: a, operator: Near}]}", false},
	} {
		f, _ := manifest.Parse("x", "apiVersion: v1\nkind: X\nlabels: {a: b}\nselector: "+c.selector+"\n")
		root := f.Objects[0].Root
		if got := MatchSelector(root.Get("selector"), root.Get("labels")); got != c.want {
			t.Errorf("%s: %v", c.selector, got)
		}
	}
}
