package fields

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"

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
