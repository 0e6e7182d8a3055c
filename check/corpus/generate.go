// Package corpus makes manifests in bulk, for the benchmark of check.
package corpus

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// File is the i-th file of the corpus: a Deployment, its Service and its
// PodDisruptionBudget, in one of a few shapes that teams write. One file in
// twenty has a flaw, as in a code base that is checked in CI. The same i gives
// the same text.
func File(i int) string {
	r := rand.New(rand.NewPCG(uint64(i), 1))
	name, ns := fmt.Sprintf("app-%05d", i), fmt.Sprintf("team-%03d", i%200)
	v := values{
		name: name, namespace: ns,
		replicas: 2 + r.IntN(8), grace: 45 + 15*r.IntN(4), port: 8000 + r.IntN(1000),
		image: fmt.Sprintf("registry.example.com/%s/%s:%d.%d.%d", ns, name, r.IntN(4), r.IntN(20), r.IntN(9)),
		hook:  "              sleep:\n                seconds: 15\n",
	}
	for range r.IntN(8) {
		n := r.IntN(1000)
		v.env += fmt.Sprintf("            - name: SETTING_%d\n              value: \"%d\" # set by the platform\n", n, r.IntN(1<<20))
	}
	if i%3 == 1 {
		v.hook = "              exec:\n                command: [\"/bin/sh\", \"-c\", \"sleep 20\"]\n"
	}
	if i%20 == 7 {
		v.hook = "              exec:\n                command:\n                  - sh\n                  - -c\n                  - sleep 90; /drain\n"
		v.grace = 60
	}
	return v.text()
}

type values struct {
	name, namespace, image, hook, env string
	replicas, grace, port             int
}

func (v values) text() string {
	env := ""
	if v.env != "" {
		env = "          env:\n" + v.env
	}
	return strings.NewReplacer(
		"NAME", v.name, "SPACE", v.namespace, "IMAGE", v.image, "HOOK\n", v.hook, "ENV\n", env,
		"REPLICAS", fmt.Sprint(v.replicas), "GRACE", fmt.Sprint(v.grace), "PORT", fmt.Sprint(v.port),
	).Replace(template)
}

const template = `# The workload of NAME.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: NAME
  namespace: SPACE
  labels:
    app.kubernetes.io/name: NAME
    app.kubernetes.io/part-of: SPACE
spec:
  replicas: REPLICAS
  selector:
    matchLabels:
      app.kubernetes.io/name: NAME
  strategy:
    type: RollingUpdate
    rollingUpdate:
      maxSurge: 1
      maxUnavailable: 0
  template:
    metadata:
      labels:
        app.kubernetes.io/name: NAME
        app.kubernetes.io/part-of: SPACE
    spec:
      terminationGracePeriodSeconds: GRACE
      topologySpreadConstraints:
        - maxSkew: 1
          topologyKey: kubernetes.io/hostname
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              app.kubernetes.io/name: NAME
      containers:
        - name: app
          image: IMAGE
ENV
          ports:
            - name: http
              containerPort: PORT
          readinessProbe:
            httpGet:
              path: /ready
              port: http
            periodSeconds: 5
          livenessProbe:
            httpGet:
              path: /live
              port: http
          resources:
            requests:
              cpu: 100m
              memory: 128Mi
            limits:
              memory: 256Mi
          lifecycle:
            preStop:
HOOK
---
apiVersion: v1
kind: Service
metadata:
  name: NAME
  namespace: SPACE
spec:
  selector:
    app.kubernetes.io/name: NAME
  ports:
    - name: http
      port: 80
      targetPort: http
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: NAME
  namespace: SPACE
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      app.kubernetes.io/name: NAME
`
