package status

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/inject"
)

// slow is how long a pod's creation may take without a note; the webhook itself takes milliseconds.
const slow = time.Second

// lastDays is how many days before its expiry a certificate is worth a note.
const lastDays = 30

// webhook checks that the API server is configured to call this installation.
func (r *run) webhook(ctx context.Context) {
	config, err := r.Client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, deploy.Webhook, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		r.add("webhook", Problem, "the API server is not configured to call it: new pods start without their hook").Remedy = "lameduck install | kubectl apply -f -"
		return
	case err != nil:
		r.add("webhook", Unknown, "%v", err)
		return
	}
	for _, hook := range config.Webhooks {
		if service := hook.ClientConfig.Service; service == nil || service.Namespace != r.report.Namespace {
			r.add("webhook", Problem, "the API server is configured to call another one than that in namespace %s", r.report.Namespace)
			return
		}
		r.ca = hook.ClientConfig.CABundle
	}
	r.add("webhook", OK, "the API server is configured to call it")
}

// certificate says how long the webhook's CA is valid.
func (r *run) certificate(context.Context) {
	if len(r.ca) == 0 {
		return
	}
	remedy := "kubectl -n " + r.report.Namespace + " delete secret " + deploy.KeysSecret + ", install again, restart the controller, then the injected pods"
	block, _ := pem.Decode(r.ca)
	if block == nil {
		r.add("certificate", Problem, "the webhook's configuration holds no certificate").Remedy = "lameduck install | kubectl apply -f -"
		return
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		r.add("certificate", Problem, "the webhook's configuration holds no certificate: %v", err).Remedy = "lameduck install | kubectl apply -f -"
		return
	}
	days := int(ca.NotAfter.Sub(r.Now()).Hours() / 24)
	switch {
	case r.leader != nil && !r.leader.CAExpires.Equal(ca.NotAfter):
		r.add("certificate", Problem, "the API server trusts another CA than the controller has").Remedy = "lameduck install | kubectl apply -f -"
	case days < 0:
		r.add("certificate", Problem, "the webhook's CA has expired").Remedy = remedy
	case days < lastDays:
		r.add("certificate", Note, "the webhook's CA is valid for %d days", days).Remedy = remedy
	default:
		r.add("certificate", OK, "the webhook's CA is valid for %d days; serving certificates renew themselves", days)
	}
}

// answers has the API server create a pod by dry run, for which it calls the webhook, too. The
// webhook's answer shows on the pod.
func (r *run) answers(ctx context.Context) {
	namespace := r.Probe
	if namespace == "" {
		namespace = r.injected(ctx)
	}
	r.Warnings()
	began := time.Now()
	pod, err := r.Client.CoreV1().Pods(namespace).Create(ctx, r.probe(), metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	took := time.Since(began).Round(time.Millisecond)
	if err != nil {
		r.add("answers", Unknown, "a pod's creation could not be tried in namespace %s: %v", namespace, err).Remedy = "name a namespace where you may make pods: --probe-namespace"
		return
	}
	var warned []string
	for _, warning := range r.Warnings() {
		if strings.HasPrefix(warning, "lameduck:") {
			warned = append(warned, warning)
		}
	}
	switch {
	case len(warned) > 0:
		r.add("answers", Problem, "the webhook could not inject a pod in namespace %s", namespace).Named = warned
	case inject.ReadStatus(pod.Annotations) == nil:
		r.add("answers", Problem, "the API server got no answer from the webhook (namespace %s, %v): pods start late, and without their hook", namespace, took).Remedy =
			"does a firewall or NetworkPolicy let the control plane reach port " + r.port("webhook-port") + " of the controller's pods? lameduck install --host-network, --webhook-port and --webhook-from can help"
	case took > slow:
		r.add("answers", Note, "the webhook answers, but a dry run in namespace %s took %v", namespace, took)
	default:
		r.add("answers", OK, "the webhook answers: a dry run in namespace %s took %v", namespace, took)
	}
}

func (r *run) port(flag string) string {
	if port := r.argument(flag); port != "" {
		return port
	}
	return "9443"
}

// injected is the first namespace whose pods are injected, or default.
func (r *run) injected(ctx context.Context) string {
	list, err := r.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: inject.Label + "=true", Limit: 1})
	if err != nil || len(list.Items) == 0 {
		return metav1.NamespaceDefault
	}
	return list.Items[0].Name
}

// probe is a pod that the strictest namespaces accept.
func (r *run) probe() *corev1.Pod {
	few := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("10m"), corev1.ResourceMemory: resource.MustParse("16Mi")}
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "lameduck-status-", Labels: map[string]string{inject.Label: "true"}},
		Spec: corev1.PodSpec{
			AutomountServiceAccountToken: ptr.To(false),
			SecurityContext: &corev1.PodSecurityContext{
				RunAsNonRoot: ptr.To(true), RunAsUser: ptr.To[int64](65532),
				SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
			},
			Containers: []corev1.Container{{
				Name: "probe", Image: "registry.invalid/never-made:v1",
				Ports:     []corev1.ContainerPort{{ContainerPort: 8080}},
				Resources: corev1.ResourceRequirements{Requests: few, Limits: few},
				SecurityContext: &corev1.SecurityContext{
					AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
					Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
				},
			}},
		},
	}
}
