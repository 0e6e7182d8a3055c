package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
)

// Protection is what keeps a pod's stop from losing requests.
type Protection string

// The protections that are compared.
const (
	Bare     Protection = "bare"     // nothing: SIGTERM follows the deletion at once
	Sleep10  Protection = "sleep10"  // what most teams paste
	Sleep35  Protection = "sleep35"  // what the careful ones paste
	Lameduck Protection = "lameduck" // the label that opts in, and nothing else
)

// Ports of the application, and of its Service if it has one for gRPC.
const (
	appPort         = 8080
	grpcPort        = 8081
	grpcServicePort = 81
)

// App is a Deployment of the test application and its Service, both called Name.
type App struct {
	Namespace  string
	Name       string
	Replicas   int32
	Protection Protection
	Work       time.Duration // how long a request takes
	// StopTimeout is how long it lets its requests run after SIGTERM; zero: its default.
	StopTimeout time.Duration
	Image       string   // instead of the test application's
	Command     []string // instead of the test application
	Account     string   // ServiceAccount; default: the namespace's own
	Headless    bool     // its Service has no address of its own
	Annotations map[string]string
	GRPC        bool              // it serves gRPC as well
	Asks        map[string]string // annotations of its Service
}

func (a App) labels() map[string]string { return map[string]string{"app": a.Name} }

// Selector selects the pods of the application.
func (a App) Selector() string { return "app=" + a.Name }

func (a App) args() []string {
	args := []string{"--stop=graceful", "--work=" + a.Work.String()}
	if a.StopTimeout > 0 {
		args = append(args, "--stop-timeout="+a.StopTimeout.String())
	}
	if a.GRPC {
		args = append(args, fmt.Sprintf("--grpc-port=%d", grpcPort))
	}
	return args
}

func (a App) deployment() *appsv1.Deployment {
	labels := a.labels()
	if a.Protection == Lameduck {
		labels["lameduck.dev/inject"] = "true"
	}
	pod := corev1.PodSpec{
		Containers: []corev1.Container{{
			Name:            "app",
			Image:           cmp.Or(a.Image, AppImage),
			ImagePullPolicy: corev1.PullIfNotPresent,
			Args:            a.args(),
			Env: []corev1.EnvVar{{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{
				FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}}},
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1"), corev1.ResourceMemory: resource.MustParse("128Mi")},
			},
			SecurityContext: restricted(),
			Ports:           []corev1.ContainerPort{{Name: "http", ContainerPort: appPort}},
			ReadinessProbe: &corev1.Probe{
				ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("http")}},
				PeriodSeconds: 1,
			},
		}},
		TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
			MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
			LabelSelector: &metav1.LabelSelector{MatchLabels: a.labels()},
		}},
	}
	if seconds := map[Protection]int64{Sleep10: 10, Sleep35: 35}[a.Protection]; seconds > 0 {
		pod.Containers[0].Lifecycle = &corev1.Lifecycle{PreStop: &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: seconds}}}
		pod.TerminationGracePeriodSeconds = ptr.To(seconds + 20)
	}
	if a.Command != nil {
		pod.Containers[0].Command, pod.Containers[0].Args = a.Command, nil
		pod.Volumes = []corev1.Volume{{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
		pod.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scratch", MountPath: "/tmp"}}
	}
	pod.ServiceAccountName = a.Account
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name},
		Spec: appsv1.DeploymentSpec{
			Replicas: &a.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: a.labels()},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxUnavailable: ptr.To(intstr.FromInt32(0)), MaxSurge: ptr.To(intstr.FromString("25%"))},
			},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: a.Annotations}, Spec: pod},
		},
	}
}

// restricted is what Pod Security "restricted" asks of a container.
func restricted() *corev1.SecurityContext {
	return &corev1.SecurityContext{
		AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true), RunAsNonRoot: ptr.To(true),
		Capabilities:   &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
		SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
	}
}

func (a App) service() *corev1.Service {
	address := ""
	if a.Headless {
		address = corev1.ClusterIPNone
	}
	ports := []corev1.ServicePort{{Port: 80, TargetPort: intstr.FromInt32(appPort)}}
	if a.GRPC {
		ports[0].Name = "http" // of several, each needs a name
		ports = append(ports, corev1.ServicePort{Name: "grpc", Port: grpcServicePort, TargetPort: intstr.FromInt32(grpcPort)})
	}
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: a.Namespace, Name: a.Name, Annotations: a.Asks},
		Spec:       corev1.ServiceSpec{Selector: a.labels(), ClusterIP: address, Ports: ports},
	}
}

// Deploy creates the application, waits until all of it is available, and returns the URL
// of its Service.
func (a App) Deploy(ctx context.Context, client kubernetes.Interface) (string, error) {
	if _, err := client.AppsV1().Deployments(a.Namespace).Create(ctx, a.deployment(), metav1.CreateOptions{}); err != nil {
		return "", fmt.Errorf("deploying %s: %w", a.Name, err)
	}
	service, err := client.CoreV1().Services(a.Namespace).Create(ctx, a.service(), metav1.CreateOptions{})
	if err != nil {
		return "", fmt.Errorf("deploying %s: %w", a.Name, err)
	}
	if err := a.available(ctx, client); err != nil {
		return "", err
	}
	return "http://" + inURL(service.Spec.ClusterIP), nil
}

// inURL writes an address as it stands in a URL.
func inURL(ip string) string {
	if strings.Contains(ip, ":") {
		return "[" + ip + "]"
	}
	return ip
}

func (a App) available(ctx context.Context, client kubernetes.Interface) error {
	return await(ctx, a.Name, func(ctx context.Context) (string, error) {
		return deployed(ctx, client, a.Namespace, a.Name)
	})
}

// deployed says what a Deployment still lacks: nothing once all of it is available.
func deployed(ctx context.Context, client kubernetes.Interface, namespace, name string) (lacks string, err error) {
	d, err := client.AppsV1().Deployments(namespace).Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	want, have := *d.Spec.Replicas, d.Status
	if have.ObservedGeneration < d.Generation || have.AvailableReplicas != want || have.UpdatedReplicas != want || have.Replicas != want {
		return fmt.Sprintf("%d of %d available", min(have.AvailableReplicas, have.UpdatedReplicas), want), nil
	}
	return "", nil
}

// await waits until nothing is lacking. Errors do not end it, since an API server may be away
// for a moment; the last one is part of the error when the time is over.
func await(ctx context.Context, what string, lacks func(ctx context.Context) (string, error)) error {
	return awaitFor(ctx, 2*time.Minute, what, lacks)
}

func awaitFor(ctx context.Context, limit time.Duration, what string, lacks func(ctx context.Context) (string, error)) error {
	const pause = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		lacking, err := lacks(ctx)
		if lacking == "" && err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %s: %w", what, lacking, errors.Join(ctx.Err(), err))
		case <-time.After(pause):
		}
	}
}

// Remove deletes the application without waiting for its pods' grace.
func (a App) Remove(ctx context.Context, client kubernetes.Interface) error {
	if err := client.CoreV1().Services(a.Namespace).Delete(ctx, a.Name, metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("removing %s: %w", a.Name, err)
	}
	if err := client.AppsV1().Deployments(a.Namespace).Delete(ctx, a.Name, metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)}); err != nil {
		return fmt.Errorf("removing %s: %w", a.Name, err)
	}
	return client.CoreV1().Pods(a.Namespace).DeleteCollection(ctx, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, metav1.ListOptions{LabelSelector: a.Selector()})
}
