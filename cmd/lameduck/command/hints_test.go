package command

import (
	"bytes"
	"strings"
	"testing"
)

const three = `apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 3
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: r/web:1
        ports: [{containerPort: 80}]
        readinessProbe: {httpGet: {path: /, port: 80}}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
`

// TestHints: what a command can't do, or leaves, is said together with what to do.
func TestHints(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "app.yaml", three)
	write(t, "my chart/Chart.yaml", "apiVersion: v2\nname: a\nversion: 0.1.0\n")
	write(t, "my chart/templates/web.yaml", "metadata: {name: {{ .Release.Name }}}\n")
	write(t, "kus/base/app.yaml", three)
	write(t, "kus/base/kustomization.yaml", "resources: [app.yaml]\n")
	write(t, "kus/prod/kustomization.yaml", "resources: [../base]\nreplicas: [{name: web, count: 1}]\n")
	write(t, "nacos.yaml", strings.NewReplacer("{app: web}}\n    spec", `{app: web, lameduck.dev/inject: "true"}}`+"\n    spec",
		"image: r/web:1", "image: r/web:1\n        args: [--spring.cloud.nacos.discovery.server-addr=nacos:8848]").Replace(three))
	for _, tt := range []struct {
		args      string
		code      int
		want, not []string
	}{
		{"fix app.yaml", 0, []string{"would fix no-prestop", "left: pdb-missing (add --allow pdb-missing), no-spread (by hand)\n"}, []string{": fixed"}},
		{"fix --allow no-spread,pdb-missing app.yaml", 0, []string{"would fix pdb-missing", "--allow no-spread: the rule offers no fix for what it found: change it by hand", "left: no-spread (by hand)\n"}, nil},
		{"fix --allow pdb-blocking app.yaml", 0, []string{"--allow pdb-blocking: the rule found nothing to fix", "(add --allow pdb-blocking,pdb-missing)"}, nil},
		{"check app.yaml", 1, []string{"2 can be fixed: lameduck fix --allow pdb-missing\n"}, nil},
		{"check --rules no-prestop app.yaml", 1, []string{"1 can be fixed: lameduck fix\n"}, nil},
		{"check --rules no-spread app.yaml", 0, nil, []string{"can be fixed"}},
		{"check --rules single-replica kus", 1, []string{"kus/base/app.yaml:", "in Deployment web, as built by kus/prod\n"}, nil},
		{"check --rules no-prestop kus/base", 1, []string{"in Deployment web\n"}, []string{"as built by"}},
		{"inject my_chart", 1, []string{"my chart: is a Helm chart: helm template 'my chart' | lameduck inject -f -\n"}, []string{"name the chart's folder"}},
		{"inject --all -f kus", 1, []string{"kus/prod: is a kustomization: kustomize build kus/prod | lameduck inject -f -\n"}, []string{"resources:", "kus/base:"}},
		{"inject nacos.yaml", 0, []string{"container web registers with Nacos (nacos:8848), and no lameduck.dev/registry says so: its consumers will not be waited for\n"}, nil},
		{"chek", 2, []string{"Did you mean this?\n    check\n"}, []string{"·"}},
	} {
		t.Run(tt.args, func(t *testing.T) {
			args := strings.Fields(tt.args)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "my_chart", "my chart")
			}
			var out bytes.Buffer
			root := newRoot(testBuild)
			root.SetArgs(args)
			guard(root, &out, &out)
			if code := execute(root, args); code != tt.code {
				t.Errorf("exit code %d, want %d", code, tt.code)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("does not say %q:\n%s", want, out.String())
				}
			}
			for _, not := range tt.not {
				if strings.Contains(out.String(), not) {
					t.Errorf("says %q:\n%s", not, out.String())
				}
			}
		})
	}
}

// TestForeignLinesStayMarked: only a line's end and its first tabs are taken for our own.
func TestForeignLinesStayMarked(t *testing.T) {
	var out bytes.Buffer
	printError(&out, errText("a\tb\n\tc\x1b[2J\n\n"))
	if got, want := out.String(), "lameduck: a·b\n    c·[2J\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

type errText string

func (e errText) Error() string { return string(e) }
