package e2e

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/lameduck-dev/lameduck/test/registries"
)

// RegistryNamespace is where registries and their applications run: a JVM does not fit into the
// LimitRange of the other proofs' namespace. Otherwise it is as restricted.
const RegistryNamespace = "lameduck-registry"

const registryNamespace = `
apiVersion: v1
kind: Namespace
metadata:
  name: ` + RegistryNamespace + `
  labels: {pod-security.kubernetes.io/enforce: restricted}
`

// javaStart is how long a JVM may take to start serving: several start at once on two processors.
const javaStart = 5 * time.Minute

// javaApp is a Deployment of a Java program and its Service, both called Name.
type javaApp struct {
	Name        string
	Container   registries.Container
	Replicas    int32
	Inject      bool
	Annotations map[string]string
	PreStop     *corev1.LifecycleHandler
	Grace       int64  // seconds; 0: the default
	Live        string // the path of the liveness probe; empty: none
	Peer        bool   // its host name is its name, which resolves before it is ready
	Node        string // where it runs; empty: any
}

func (a javaApp) selector() string { return "app=" + a.Name }

func (a javaApp) deployment() *appsv1.Deployment {
	selector := map[string]string{"app": a.Name}
	labels := maps.Clone(selector)
	if a.Inject {
		labels["lameduck.dev/inject"] = "true"
	}
	pod := corev1.PodSpec{
		Containers:         []corev1.Container{a.container()},
		Volumes:            []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
		EnableServiceLinks: ptr.To(false),
	}
	if a.Peer {
		pod.Hostname = a.Name
	}
	if a.Node != "" {
		pod.NodeSelector = map[string]string{corev1.LabelHostname: a.Node}
	}
	if a.Grace > 0 {
		pod.TerminationGracePeriodSeconds = &a.Grace
	}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: RegistryNamespace, Name: a.Name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &a.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromInt32(0)), MaxSurge: ptr.To(intstr.FromInt32(1))},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: a.Annotations}, Spec: pod},
		},
	}
}

func (a javaApp) container() corev1.Container {
	field := func(name, path string) corev1.EnvVar {
		return corev1.EnvVar{Name: name, ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}}
	}
	env := []corev1.EnvVar{field("POD_NAME", "metadata.name"), field("POD_IP", "status.podIP")}
	for _, name := range slices.Sorted(maps.Keys(a.Container.Env)) {
		env = append(env, corev1.EnvVar{Name: name, Value: a.Container.Env[name]})
	}
	var ports []corev1.ContainerPort
	for _, port := range a.Container.Ports {
		ports = append(ports, corev1.ContainerPort{ContainerPort: port})
	}
	main := intstr.FromInt32(a.Container.Ports[0])
	ready := corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: main}}
	if a.Container.Ready != "" {
		ready = corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: a.Container.Ready, Port: main}}
	}
	c := corev1.Container{
		Name: "app", Image: a.Container.Image(), ImagePullPolicy: corev1.PullNever,
		Args: a.Container.Args, Env: env, Ports: ports,
		VolumeMounts: []corev1.VolumeMount{{Name: "data", MountPath: registries.DataFolder}},
		// A full garbage collection on a loaded machine must not look like a failure.
		ReadinessProbe: &corev1.Probe{ProbeHandler: ready, PeriodSeconds: 2, TimeoutSeconds: 10},
		Resources: corev1.ResourceRequirements{
			Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("20m"), corev1.ResourceMemory: resource.MustParse("256Mi")},
			Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("1Gi")},
		},
		SecurityContext: restricted(),
	}
	if a.Live != "" {
		live := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: a.Live, Port: main}}
		c.LivenessProbe = &corev1.Probe{ProbeHandler: live, InitialDelaySeconds: 30, PeriodSeconds: 1, TimeoutSeconds: 10}
	}
	if a.PreStop != nil {
		c.Lifecycle = &corev1.Lifecycle{PreStop: a.PreStop}
	}
	return c
}

func (a javaApp) service() *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: RegistryNamespace, Name: a.Name},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": a.Name}, PublishNotReadyAddresses: a.Peer},
	}
	for _, port := range a.Container.Ports {
		service.Spec.Ports = append(service.Spec.Ports, corev1.ServicePort{Name: fmt.Sprintf("port-%d", port), Port: port})
	}
	return service
}

// deployJava creates the application, waits until all of it is available, and returns the address
// of its Service.
func (e *Env) deployJava(ctx context.Context, a javaApp) (string, error) {
	address, err := e.createJava(ctx, a)
	if err != nil {
		return "", err
	}
	return address, e.awaitJava(ctx, a)
}

func (e *Env) createJava(ctx context.Context, a javaApp) (string, error) {
	if _, err := e.Client.AppsV1().Deployments(RegistryNamespace).Create(ctx, a.deployment(), metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("deploying %s: %w", a.Name, err)
	}
	if _, err := e.Client.CoreV1().Services(RegistryNamespace).Create(ctx, a.service(), metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("deploying %s: %w", a.Name, err)
	}
	return e.serviceAddress(ctx, a.Name, a.Container.Ports[0])
}

func (e *Env) serviceAddress(ctx context.Context, name string, port int32) (string, error) {
	service, err := e.Client.CoreV1().Services(RegistryNamespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", name, err)
	}
	return fmt.Sprintf("%s:%d", service.Spec.ClusterIP, port), nil
}

func (e *Env) awaitJava(ctx context.Context, a javaApp) error {
	return awaitFor(ctx, javaStart, a.Name, func(ctx context.Context) (string, error) {
		return deployed(ctx, e.Client, RegistryNamespace, a.Name)
	})
}

// removeJava deletes the application and waits until its pods are gone.
func (e *Env) removeJava(ctx context.Context, a javaApp) error {
	if err := e.Client.CoreV1().Services(RegistryNamespace).Delete(ctx, a.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("removing %s: %w", a.Name, err)
	}
	if err := e.Client.AppsV1().Deployments(RegistryNamespace).Delete(ctx, a.Name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
		return fmt.Errorf("removing %s: %w", a.Name, err)
	}
	pods := e.Client.CoreV1().Pods(RegistryNamespace)
	options := metav1.ListOptions{LabelSelector: a.selector()}
	return await(ctx, a.Name+" to be gone", func(ctx context.Context) (string, error) {
		left, err := pods.List(ctx, options)
		if err != nil || len(left.Items) == 0 {
			return "", err
		}
		return fmt.Sprintf("%d pods are left", len(left.Items)),
			pods.DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, options)
	})
}
