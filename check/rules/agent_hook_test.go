package rules

import (
	"bytes"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/report/budget"
	"github.com/lameduck-dev/lameduck/workload"
)

const served = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {}
    spec:
      initContainers: []
      containers:
      - name: web
        image: r/web:1
        args: []
        ports: [{containerPort: 80}]
        lifecycle: {}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec:
  selector: {app: web}
  ports: [{port: 80}]
`

// TestTimelineOfTheAgent: lameduck's own agent loses no request, in whatever way it comes into the
// pod, and what is not known stays open.
func TestTimelineOfTheAgent(t *testing.T) {
	const certain = "waits 0 s for certain"
	hook := func(command string) string { return "lifecycle: {preStop: {exec: {command: " + command + "}}}" }
	nacos := `args: ["--spring.cloud.nacos.discovery.server-addr=nacos:8848"]`
	for name, test := range map[string]struct {
		with     []string // pairs of what to replace
		says     []string
		saysNone []string
	}{
		"by hand": {
			[]string{"lifecycle: {}", hook("[/lameduck-agent, prestop]")},
			[]string{"lameduck's agent: waits until the routers have stopped, 18 s at most", "nothing is lost if container web finishes its requests after SIGTERM"},
			[]string{"lost:", certain},
		},
		"with a grace period": {
			[]string{"lifecycle: {}", hook("[/lameduck-agent, prestop, --grace=60s, --stop, 20s]"), "initContainers: []", "terminationGracePeriodSeconds: 60"},
			[]string{"routers have stopped, 38 s at most"}, []string{"lost:"},
		},
		"in a script": {
			[]string{"lifecycle: {}", hook(`[sh, -c, "echo bye; exec /lameduck/agent prestop"]`)},
			[]string{"lameduck's agent:"}, []string{"lost:"},
		},
		"more than the pod has": {
			[]string{"lifecycle: {}", hook("[/lameduck-agent, prestop, --grace=60s]")},
			[]string{"at 30 s: the hook is cut off"}, nil,
		},
		"injected": {
			[]string{
				"lifecycle: {}", hook("[/lameduck/agent, prestop, --container=web]"),
				"initContainers: []", "terminationGracePeriodSeconds: 60\n      initContainers: [{name: lameduck-init, image: r/x:1, command: [/lameduck-agent], args: [install, /lameduck, --grace=1m0s]}]",
			},
			[]string{"routers have stopped, 48 s at most"}, []string{"lost:"},
		},
		"opted in": {
			[]string{"labels: {app: web}", `labels: {app: web, lameduck.dev/inject: "true"}`},
			[]string{"gets lameduck's hook at admission (lameduck.dev/inject)"}, []string{"lost:", "no preStop", "SIGTERM at once"},
		},
		"opted in, registered, not told": {
			[]string{"labels: {app: web}", `labels: {app: web, lameduck.dev/inject: "true"}`, "args: []", nacos},
			[]string{"lost: from SIGTERM on: Nacos's consumers may still send to container web, and no lameduck.dev/registry"}, nil,
		},
		"opted in, registered, told": {
			[]string{"labels: {app: web}", `labels: {app: web, lameduck.dev/inject: "true"}`, "args: []", nacos, "annotations: {}", "annotations: {lameduck.dev/registry: nacos}"},
			nil, []string{"lost:"},
		},
		"no port of the pods": {
			[]string{"lifecycle: {}", hook("[/lameduck-agent, prestop]"), "[{port: 80}]", "[{port: 80, targetPort: http}]"},
			[]string{"is lost if", "Service web: it selects the pods and reaches no port of theirs"}, []string{"nothing is expected"},
		},
		"a sleep": {
			[]string{"lifecycle: {}", "lifecycle: {preStop: {sleep: {seconds: 20}}}"},
			[]string{"nothing is lost if container web finishes its requests after SIGTERM"}, []string{"nothing is expected"},
		},
		"in the background": {
			[]string{"lifecycle: {}", hook(`[sh, -c, "/lameduck/agent prestop &"]`)},
			[]string{"lost: 0 to 1 s: kube-proxy"}, []string{"lameduck's agent:"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			src := strings.NewReplacer(test.with...).Replace(served)
			var b bytes.Buffer
			if err := budget.Write(&b, Budget(workload.Join(parse(t, "in.yaml", src).Files).Workloads[0])); err != nil {
				t.Fatal(err)
			}
			for _, want := range test.says {
				if !strings.Contains(b.String(), want) {
					t.Errorf("does not say %q:\n%s", want, b.String())
				}
			}
			for _, not := range test.saysNone {
				if strings.Contains(b.String(), not) {
					t.Errorf("says %q:\n%s", not, b.String())
				}
			}
		})
	}
}
