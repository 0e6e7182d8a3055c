package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/test/routers"
)

// routerNamespace is where real routers run: apart from the applications, as in real clusters.
const routerNamespace = "lameduck-router"

// traefik is Traefik with its Kubernetes Ingress provider and its defaults. It watches slices through a
// relay in its pod that delays every event by late; Traefik itself applies changes no more than
// once in 2 s. With asked its API is open.
type traefik struct {
	late     time.Duration
	asked    bool
	replicas int  // 1 by default
	injected bool // its own pods are
	// kept is how long a client's connection may last; zero: for good. A server that ends one that
	// stands can lose a request on its way: so the pods wait until those from before have ended.
	kept time.Duration
}

func (r traefik) deploy(ctx context.Context, e *Env, app App) (string, error) {
	err := e.loadOnce(ctx, routers.TraefikImage, func(archive string) error { return routers.WriteTraefik(ctx, archive, e.progress) })
	if err != nil {
		return "", err
	}
	name := routerName(app)
	api, kept := "", ""
	if r.kept > 0 {
		kept = "- --entrypoints.web.transport.keepalivemaxtime=" + r.kept.String()
	}
	if r.asked {
		api = "- --api.insecure=true\n        - --entrypoints.traefik.address=:8081"
	}
	manifests := strings.NewReplacer("- API", api, "- KEPT", kept, "MINWAIT", (3 * r.kept).String(), "REPLICAS", strconv.Itoa(max(r.replicas, 1)), "INJECTED", strconv.FormatBool(r.injected), "NAMESPACE", routerNamespace, "NAME", name, "APPS", app.Namespace, "SERVICE", app.Name,
		"TRAEFIK", routers.TraefikImage, "IMAGE", AppImage, "LATE", r.late.String()).Replace(traefikManifests)
	if err := e.Cluster.Apply(ctx, manifests); err != nil {
		return "", fmt.Errorf("deploying traefik in front of %s: %w", app.Name, err)
	}
	if err := (App{Namespace: routerNamespace, Name: name}).available(ctx, e.Client); err != nil {
		return "", err
	}
	service, err := e.Client.CoreV1().Services(routerNamespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	url := "http://" + service.Spec.ClusterIP
	return url, await(ctx, name, func(ctx context.Context) (string, error) { return e.answers(ctx, url) })
}

func (r traefik) remove(ctx context.Context, e *Env, app App) error {
	of := "-l=router=" + routerName(app)
	if _, err := e.Cluster.Kubectl(ctx, "-n", app.Namespace, "delete", "ingress,role,rolebinding", of); err != nil {
		return err
	}
	_, err := e.Cluster.Kubectl(ctx, "-n", routerNamespace, "delete", "deployment,service,serviceaccount", of)
	return err
}

// answers says what keeps the URL from answering the clients' pod.
func (e *Env) answers(ctx context.Context, url string) (lacks string, err error) {
	transport := &http.Transport{DialContext: e.dial, DisableKeepAlives: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	request.Header.Set("X-Request-Id", "is-it-there")
	response, err := (&http.Client{Transport: transport, Timeout: 5 * time.Second}).Do(request)
	if err != nil {
		return err.Error(), nil
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return url + " answers " + response.Status, nil
	}
	return "", nil
}

const traefikManifests = `
apiVersion: v1
kind: Namespace
metadata:
  name: NAMESPACE
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: NAME, namespace: NAMESPACE, labels: {router: NAME}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: NAME, namespace: APPS, labels: {router: NAME}}
rules:
- {apiGroups: [""], resources: [services, secrets], verbs: [get, list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [ingresses/status], verbs: [update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: NAME, namespace: APPS, labels: {router: NAME}}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: NAME}
subjects: [{kind: ServiceAccount, name: NAME, namespace: NAMESPACE}]
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: NAME, namespace: APPS, labels: {router: NAME}}
spec:
  rules:
  - http:
      paths:
      - {path: /, pathType: Prefix, backend: {service: {name: SERVICE, port: {number: 80}}}}
---
apiVersion: v1
kind: Service
metadata: {name: NAME, namespace: NAMESPACE, labels: {router: NAME}}
spec:
  selector: {app: NAME}
  ports: [{port: 80, targetPort: 8000}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME, namespace: NAMESPACE, labels: {router: NAME}}
spec:
  replicas: REPLICAS
  selector: {matchLabels: {app: NAME}}
  template:
    metadata:
      labels: {app: NAME, lameduck.dev/inject: "INJECTED"}
      annotations: {lameduck.dev/min-wait: MINWAIT}
    spec:
      serviceAccountName: NAME
      securityContext: {runAsNonRoot: true, seccompProfile: {type: RuntimeDefault}}
      initContainers:
      - name: late
        image: IMAGE
        imagePullPolicy: Never
        restartPolicy: Always
        command: [/late, --by=LATE]
        securityContext: &tight {allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: {drop: [ALL]}}
      containers:
      - name: traefik
        image: TRAEFIK
        imagePullPolicy: Never
        args:
        - --entrypoints.web.address=:8000
        - --ping.entrypoint=web
        - --providers.kubernetesingress.endpoint=http://127.0.0.1:6444
        - --providers.kubernetesingress.namespaces=APPS
        - --providers.kubernetesingress.disableclusterscoperesources=true
        - --global.checknewversion=false
        - API
        - KEPT
        readinessProbe: {httpGet: {path: /ping, port: 8000}, periodSeconds: 1}
        securityContext: *tight
`
