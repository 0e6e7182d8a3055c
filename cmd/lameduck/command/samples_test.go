package command

import (
	"os"
	"strings"
	"testing"
)

const sampleHook = `apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: shop}
spec:
  replicas: 3
  selector:
    matchLabels: {app: NAME}
  template:
    metadata:
      labels: {app: NAME}
    spec:
      terminationGracePeriodSeconds: GRACE
      containers:
        - name: web
          image: registry.example.com/shop/web:1
          ports:
            - name: http
              containerPort: 8080
          readinessProbe:
            httpGet:
              path: /ready
              port: http

          lifecycle:
            preStop:
              exec:
                command: ["sh", "-c", "HOOK"]
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: shop}
spec: {selector: {app: NAME}, ports: [{port: 80, targetPort: http}]}
`

// TestSamples: what the documents show, in both languages, is what the commands print.
func TestSamples(t *testing.T) {
	var pages []string
	for _, path := range []string{"../../../docs/check.md", "../../../docs/zh/check.md"} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		pages = append(pages, string(text))
	}
	t.Chdir(t.TempDir())
	write(t, "deploy/orders.yaml", strings.NewReplacer("NAME", "orders", "GRACE", "45", "HOOK", "sleep 60").Replace(sampleHook))
	write(t, "worst.yaml", strings.NewReplacer("NAME", "worst", "GRACE", "50", "HOOK", "curl --max-time 20 http://127.0.0.1/stop; sleep 35").Replace(sampleHook))
	for args, begins := range map[string]string{
		"check --rules prestop-exceeds-grace deploy": "```\ndeploy/orders.yaml:",
		"timeline worst.yaml":                        "```\nDeployment shop/worst:",
	} {
		_, out, log := again(t, "", strings.Fields(args)...)
		for _, page := range pages {
			_, from, found := strings.Cut(page, begins)
			sample, _, _ := strings.Cut(from, "```\n")
			if sample = strings.TrimPrefix(begins, "```\n") + sample; !found || !strings.HasPrefix(out, sample) {
				t.Errorf("%s prints\n%s%s\nthe page shows\n%s", args, out, log, sample)
			}
		}
	}
}
