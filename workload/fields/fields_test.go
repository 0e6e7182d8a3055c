package fields

import (
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/manifest"
)

func TestCheck(t *testing.T) {
	const whole = `apiVersion: apps/v1
kind: Deployment
metadata: {name: a, labels: {app: a}, annotations: {n: "1"}, managedFields: [{fieldsV1: {"f:a": {}}}]}
spec:
  replicas: 3
  strategy: {rollingUpdate: {maxSurge: 25%, maxUnavailable: 0}}
  template:
    metadata: {creationTimestamp: null}
    spec:
      terminationGracePeriodSeconds: ${GRACE}
      containers:
      - name: a
        resources: {limits: {cpu: 1, memory: 64Mi}}
        lifecycle: {preStop: {exec: {command: [sleep, "60"]}}}
        readinessProbe: {httpGet: {port: http}}
`
	for name, tt := range map[string]struct {
		src  string
		want []string
	}{
		"nothing":           {whole, nil},
		"in another case":   {`spec: {template: {spec: {containers: [{lifecycle: {prestop: {}}}]}}}`, []string{"spec.template.spec.containers[0].lifecycle.prestop is no field that the API knows: did you mean preStop?"}},
		"a letter less":     {`spec: {replica: 3}`, []string{"spec.replica is no field that the API knows: did you mean replicas?"}},
		"nothing near":      {`spec: {howMany: 3}`, []string{"spec.howMany is no field that the API knows"}},
		"a number in quote": {`spec: {template: {spec: {terminationGracePeriodSeconds: "60"}}}`, []string{`spec.template.spec.terminationGracePeriodSeconds is the text "60", the API wants a whole number, without quotes`}},
		"a text, no list":   {`spec: {template: {spec: {containers: [{lifecycle: {preStop: {exec: {command: sleep 60}}}}]}}}`, []string{`spec.template.spec.containers[0].lifecycle.preStop.exec.command is the text "sleep 60", the API wants a list`}},
		"a label's truth":   {`metadata: {labels: {lameduck.dev/inject: true}}`, []string{"metadata.labels[lameduck.dev/inject] is true, the API wants a text: put it in quotes"}},
		"a mapping":         {`spec: {replicas: {a: b}}`, []string{"spec.replicas is a mapping, the API wants a whole number, without quotes"}},
	} {
		root, err := manifest.ParseValue(tt.src)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, p := range Check(root, reflect.TypeFor[appsv1.Deployment]()) {
			got = append(got, p.String())
		}
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestNear(t *testing.T) {
	names := []string{"preStop", "postStart", "stop", "port"}
	for written, want := range map[string]string{"prestop": "preStop", "preStopp": "preStop", "stpx": "", "stp": "stop", "poststart": "postStart", "x": "", "unlike": ""} {
		if got := Near(written, names); got != want {
			t.Errorf("%q: %q, want %q", written, got, want)
		}
	}
}

// TestManyUnknown: an object of unknown fields alone costs no more than a hundred of them, and none of them memory.
func TestManyUnknown(t *testing.T) {
	var src strings.Builder
	src.WriteString("spec:\n  replica: 1\n")
	for i := range 1000 {
		fmt.Fprintf(&src, "  unknown%d: 1\n", i)
	}
	root, err := manifest.ParseValue(src.String())
	if err != nil {
		t.Fatal(err)
	}
	found := Unknown(root, reflect.TypeFor[appsv1.Deployment]())
	if len(found) != maxUnknown || found[0].Near != "replicas" {
		t.Errorf("%d found, the first near %q", len(found), found[0].Near)
	}
	names := fieldsOf(reflect.TypeFor[corev1.PodSpec]()).names
	written := strings.Repeat("x", maxName)
	long := []string{written[1:] + "yyy", written + "yy", written[:maxName-2]}
	if n := testing.AllocsPerRun(100, func() {
		Near("replics", names)
		Near(written, long)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkUnknown compares a key that is near to nothing with the fields of a pod.
func BenchmarkUnknown(b *testing.B) {
	names := fieldsOf(reflect.TypeFor[corev1.PodSpec]()).names
	b.ReportAllocs()
	for b.Loop() {
		Near("unknown700000", names)
	}
}
