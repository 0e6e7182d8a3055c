package status

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/controller"
	"github.com/lameduck-dev/lameduck/deploy"
)

// Ours is on everything that lameduck install writes, and on the hub's slice.
const Ours = "app.kubernetes.io/name=lameduck"

// Controllers is on the controllers' Deployments.
const Controllers = Ours + ",app.kubernetes.io/component=controller"

// Installations names the namespaces of all installations that there are signs of: a controller,
// the webhook's configuration, the label on the barrier's namespace.
func Installations(ctx context.Context, client kubernetes.Interface) ([]string, error) {
	var found []string
	add := func(namespace string) {
		if namespace != "" && !slices.Contains(found, namespace) {
			found = append(found, namespace)
		}
	}
	deployments, err := client.AppsV1().Deployments("").List(ctx, metav1.ListOptions{LabelSelector: Controllers})
	if err != nil {
		return nil, fmt.Errorf("looking for controllers: %w", err)
	}
	for i := range deployments.Items {
		add(deployments.Items[i].Namespace)
	}
	webhook, err := client.AdmissionregistrationV1().MutatingWebhookConfigurations().Get(ctx, deploy.Webhook, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading the webhook's configuration: %w", err)
	}
	for _, hook := range webhook.Webhooks {
		if service := hook.ClientConfig.Service; err == nil && service != nil {
			add(service.Namespace)
		}
	}
	barrier, err := client.CoreV1().Namespaces().Get(ctx, deploy.BarrierNamespace, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("reading namespace %s: %w", deploy.BarrierNamespace, err)
	}
	if err == nil {
		add(barrier.Labels[controller.InstallationLabel])
	}
	return found, nil
}
