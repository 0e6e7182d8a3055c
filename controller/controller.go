// Package controller is the manager: it wires webhook, hub and barrier to a cluster. Every
// replica answers the webhook; hub and barrier run on the leader.
package controller

import (
	"context"
	"crypto/hpke"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	"sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/certs"
	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/controller/routers"
	"github.com/lameduck-dev/lameduck/controller/view"
	"github.com/lameduck-dev/lameduck/controller/webhook"
	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Names that the manifests and the controller agree on.
const (
	hubService     = "lameduck-hub"
	webhookService = "lameduck-webhook"
	lease          = "lameduck-controller"
	hubKeyFile     = "hub.key"
	hubPortName    = "hub"

	nameLabel = "app.kubernetes.io/name"
	ourName   = "lameduck"
)

// Options of a controller; all are required but PullPolicy, Registries, RegistrySecrets, Ingresses, BarrierTwice
// and Numbers.
type Options struct {
	Namespace        string // the controller's own
	BarrierNamespace string // holds the barrier's objects and nothing else
	Keys             string // folder with ca.crt, ca.key, hub.key and webhook.token
	AgentImage       string
	PullPolicy       string
	WebhookPort      int
	HubPort          int
	MetricsPort      int
	HealthPort       int
	Registries       registry.Servers // that policies may name, and in which traces of pods are cleared
	RegistrySecrets  []string         // NAMESPACE/NAME, that policies may name besides those called lameduck-*
	Ingresses        bool             // it may read Ingresses, for the load balancers that they ask for
	BarrierTwice     bool             // two writes for every node, see docs/decisions/0010-barrier.md
	Numbers          barrier.Numbers  // the ports on which the barrier listens; zero: barrier.DefaultNumbers
	Pod              Self
	Config           *rest.Config
	Log              *slog.Logger
}

// Self is the pod that the controller runs in. IPs are all its addresses, IP among them; it may be empty.
type Self struct {
	Name, Node, IP string
	IPs            []string
}

// addresses are the pod's, one of each family that it has.
func (s Self) addresses() (map[corev1.IPFamily]netip.Addr, error) {
	all := map[corev1.IPFamily]netip.Addr{}
	for _, text := range append([]string{s.IP}, s.IPs...) {
		ip, err := netip.ParseAddr(text)
		if err != nil {
			return nil, err
		}
		ip = ip.Unmap()
		if _, there := all[familyOf(ip)]; !there {
			all[familyOf(ip)] = ip
		}
	}
	return all, nil
}

// Run works until ctx is done. A replica that can't go on, for instance because the cluster belongs
// to another installation, ends with an error, and must be restarted.
func Run(ctx context.Context, o Options) error {
	ip, err := netip.ParseAddr(o.Pod.IP)
	if err != nil {
		return fmt.Errorf("the pod's own address POD_IP: %w", err)
	}
	addresses, err := o.Pod.addresses()
	if err != nil {
		return fmt.Errorf("the pod's own addresses POD_IPS: %w", err)
	}
	key, err := readHubKey(o.Keys)
	if err != nil {
		return err
	}
	issuer, err := certs.New(o.Keys, serviceNames(webhookService, o.Namespace), o.Log)
	if err != nil {
		return err
	}
	ctrl.SetLogger(logr.FromSlogHandler(o.Log.Handler()))
	token, err := webhook.ReadToken(o.Keys)
	if err != nil {
		return err
	}
	seen := view.New(o.BarrierNamespace)
	manager, err := newManager(o, seen)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	clientset, err := kubernetes.NewForConfig(o.Config)
	if err != nil {
		return fmt.Errorf("connecting to the API server: %w", err)
	}
	lead := &leader{options: o, ip: ip, addresses: addresses, key: key, view: seen, pods: pods{log: o.Log}}
	lead.metrics = newMetrics(lead.status)
	lead.pods.heard.count = lead.metrics.stopped
	reviews := &webhook.Handler{
		Source: &source{reader: manager.GetClient(), live: manager.GetAPIReader(), options: o, key: seal.EncodePublic(key.PublicKey())},
		Log:    o.Log,
		Count:  lead.metrics.injection,
	}
	hooks := &webhook.Server{
		Address: listen(o.WebhookPort), Token: token, Certificate: issuer.GetCertificate,
		Review: reviews.Handle, Count: lead.metrics.injection, Log: o.Log,
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	lead.clientset, lead.cache, lead.refuse = clientset, manager.GetCache(), giveUp
	lead.events = manager.GetEventRecorderFor("lameduck")
	lead.routers = routers.New(peers.New(lead, lead), lead.nodes.has, o.Log)
	defer lead.routers.Close()
	if lead.election, err = lead.stand(); err != nil {
		return err
	}
	if err := lead.owns(ctx, manager.GetAPIReader()); err != nil {
		return err
	}
	if err := manager.GetFieldIndexer().IndexField(ctx, &corev1.Pod{}, addressIndex, addressesOf); err != nil {
		return fmt.Errorf("indexing pods by address: %w", err)
	}
	if err := lead.watch(ctx); err != nil {
		return err
	}
	err = errors.Join(
		manager.AddHealthzCheck("ping", healthz.Ping),
		manager.AddReadyzCheck("webhook", hooks.Ready),
		manager.AddMetricsServerExtraHandler(StatusPath, http.HandlerFunc(lead.serveStatus)),
		manager.Add(hooks),
		manager.Add(lead.election),
	)
	if err != nil {
		return err
	}
	if err = manager.Start(ctx); err == nil && errors.Is(context.Cause(ctx), errTaken) {
		return context.Cause(ctx)
	}
	return err
}

func newManager(o Options, seen *view.View) (ctrl.Manager, error) {
	scheme := runtime.NewScheme()
	if err := errors.Join(clientgoscheme.AddToScheme(scheme), v1alpha1.AddToScheme(scheme)); err != nil {
		return nil, err
	}
	// What the leader has begun must end within the Deployment's grace period.
	shutdown := 10 * time.Second
	return ctrl.NewManager(o.Config, ctrl.Options{
		Scheme:                  scheme,
		GracefulShutdownTimeout: &shutdown,
		HealthProbeBindAddress:  listen(o.HealthPort),
		Metrics:                 server.Options{BindAddress: listen(o.MetricsPort)},
		Cache: cache.Options{
			DefaultTransform: cache.TransformStripManagedFields(),
			NewInformer:      informers(seen),
			ByObject:         map[client.Object]cache.ByObject{&corev1.Pod{}: {Transform: slimPod}},
		},
	})
}

// informers gives what makes the informers: that of EndpointSlices tells seen of each list.
func informers(seen *view.View) func(toolscache.ListerWatcher, runtime.Object, time.Duration, toolscache.Indexers) toolscache.SharedIndexInformer {
	return func(source toolscache.ListerWatcher, kind runtime.Object, resync time.Duration, indexers toolscache.Indexers) toolscache.SharedIndexInformer {
		if _, slices := kind.(*discoveryv1.EndpointSlice); slices {
			source = seen.Lists(source)
		}
		return toolscache.NewSharedIndexInformer(source, kind, resync, indexers)
	}
}

// slimPod keeps only what hub, Events and the census need of a pod, and what the restorer needs if
// it has an agent: a cluster has many pods.
func slimPod(object any) (any, error) {
	pod, ok := object.(*corev1.Pod)
	if !ok {
		return object, nil
	}
	slim := &corev1.Pod{TypeMeta: pod.TypeMeta, ObjectMeta: pod.ObjectMeta}
	slim.ManagedFields = nil
	slim.Spec.NodeName, slim.Spec.ServiceAccountName = pod.Spec.NodeName, pod.Spec.ServiceAccountName
	peers.Mark(slim, pod)
	routers.Mark(slim, pod)
	slim.Spec.RestartPolicy, slim.Spec.HostNetwork = pod.Spec.RestartPolicy, pod.Spec.HostNetwork
	slim.Spec.OS, slim.Spec.NodeSelector = pod.Spec.OS, pod.Spec.NodeSelector
	slim.Spec.TerminationGracePeriodSeconds = pod.Spec.TerminationGracePeriodSeconds
	slim.Status = corev1.PodStatus{Phase: pod.Status.Phase, PodIP: pod.Status.PodIP, PodIPs: pod.Status.PodIPs}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && (asksHub(pod) || routers.Marked(slim)) {
			slim.Status.Conditions = []corev1.PodCondition{{Type: condition.Type, Status: condition.Status, LastTransitionTime: condition.LastTransitionTime}}
		}
	}
	if !asksHub(pod) {
		return slim, nil
	}
	for _, c := range pod.Spec.InitContainers {
		if c.Name == inject.InitContainer {
			slim.Spec.InitContainers = []corev1.Container{{Name: c.Name, Image: c.Image}}
		}
	}
	for _, status := range pod.Status.ContainerStatuses {
		slim.Status.ContainerStatuses = append(slim.Status.ContainerStatuses,
			corev1.ContainerStatus{Name: status.Name, RestartCount: status.RestartCount, State: status.State})
	}
	return slim, nil
}

func readHubKey(dir string) (hpke.PrivateKey, error) {
	file := filepath.Join(dir, hubKeyFile)
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the hub's key (lameduck install makes it): %w", err)
	}
	key, err := seal.ParsePrivate(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return key, nil
}

// serviceNames are the DNS names by which the API server and pods may call a Service.
func serviceNames(service, namespace string) []string {
	name := service + "." + namespace + ".svc"
	return []string{name, name + ".cluster.local"}
}

func listen(port int) string { return net.JoinHostPort("", strconv.Itoa(port)) }
