package command

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
)

// connect finds the action, the cluster, and what to watch in it.
func (f *verifyFlags) connect(cmd *cobra.Command, args []string) error {
	actor := &action.Actor{Log: cmd.ErrOrStderr(), KeepCordon: f.keepCordon}
	todo, err := f.parse(actor, args)
	if err != nil {
		return err
	}
	if todo != nil {
		f.options.Action, f.options.ActionName = todo.Do, todo.Name
	}
	if f.do == "" && f.noWatch {
		return nil
	}
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	client, namespace, asker, err := f.reach(cmd.Context(), progress)
	if err != nil {
		return fmt.Errorf("%w%s", err, f.withoutCluster())
	}
	actor.Client, actor.Namespace = client, namespace
	if f.noWatch {
		return nil
	}
	var selector string
	err = asker.ask(cmd.Context(), answerTimeout, "which pods to watch", func(ctx context.Context) error {
		selector, err = f.watched(ctx, client, namespace, todo)
		return err
	})
	if err != nil {
		return err
	}
	f.options.Cluster = &verify.Cluster{Client: client, Namespace: namespace, Selector: selector}
	return nil
}

// withoutCluster says how to go on without one, where that is possible.
func (f *verifyFlags) withoutCluster() string {
	if f.do != "" {
		return "" // an action is done to a cluster
	}
	return "; to count losses without watching a cluster: --no-watch"
}

func (f *verifyFlags) parse(actor *action.Actor, args []string) (*action.Action, error) {
	switch {
	case f.do != "":
		return actor.Parse(strings.Fields(f.do))
	case len(args) > 0:
		return actor.Command(args)
	}
	return nil, nil
}

// reach makes a client from the kubeconfig, or from the pod that this runs in, of a cluster that
// answers.
func (f *verifyFlags) reach(ctx context.Context, progress *progress) (client kubernetes.Interface, namespace string, by asker, err error) {
	config, namespace, err := findCluster(f.kubeconfig, f.context)
	if err != nil {
		return nil, "", by, err
	}
	if f.namespace != "" {
		namespace = f.namespace
	}
	by = asker{config.Host, progress}
	if err := by.reach(ctx, config); err != nil {
		return nil, "", by, err
	}
	if client, err = kubernetes.NewForConfig(unthrottled(config)); err != nil {
		return nil, "", by, fmt.Errorf("connecting to the cluster: %w", err)
	}
	return client, namespace, by, nil
}

// unthrottled keeps the waits of an action and the logs of many pods from waiting for each other.
func unthrottled(config *rest.Config) *rest.Config {
	config.QPS = -1
	return config
}

// watched finds the label selector of the pods to watch.
func (f *verifyFlags) watched(ctx context.Context, client kubernetes.Interface, namespace string, todo *action.Action) (string, error) {
	if f.selector != "" {
		if _, err := labels.Parse(f.selector); err != nil {
			return "", fmt.Errorf("%w: --selector: %w", action.ErrUsage, err)
		}
		return f.selector, nil
	}
	if todo != nil && todo.Workload != nil {
		return todo.Workload.Selector(ctx, client, namespace)
	}
	target, err := url.Parse(f.options.URL)
	if err != nil {
		return "", fmt.Errorf("%w: --url: %w", action.ErrUsage, err)
	}
	services, err := client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("finding the Service of %s (or give --selector): %w%s", f.options.URL, err, f.withoutCluster())
	}
	for _, service := range services.Items {
		if names(&service, target.Hostname()) && len(service.Spec.Selector) > 0 {
			return labels.SelectorFromSet(service.Spec.Selector).String(), nil
		}
	}
	return "", nil
}

// names reports whether host means the service.
func names(service *corev1.Service, host string) bool {
	if slices.Contains(service.Spec.ClusterIPs, host) {
		return true
	}
	parts := strings.SplitN(host, ".", 3)
	if len(parts) < 2 {
		return host == service.Name
	}
	return parts[0] == service.Name && parts[1] == service.Namespace && (len(parts) == 2 || strings.HasPrefix(parts[2], "svc"))
}
