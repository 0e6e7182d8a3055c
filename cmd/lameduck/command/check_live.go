package command

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/manifest"
)

// liveResources are what check reads from a cluster. Secrets are not among them.
var liveResources = []schema.GroupVersionResource{
	{Version: "v1", Resource: "namespaces"},
	{Group: "apps", Version: "v1", Resource: "deployments"},
	{Group: "apps", Version: "v1", Resource: "statefulsets"},
	{Group: "apps", Version: "v1", Resource: "daemonsets"},
	{Group: "apps", Version: "v1", Resource: "replicasets"},
	{Group: "batch", Version: "v1", Resource: "jobs"},
	{Group: "batch", Version: "v1", Resource: "cronjobs"},
	{Version: "v1", Resource: "pods"},
	{Version: "v1", Resource: "services"},
	{Version: "v1", Resource: "configmaps"},
	{Group: "policy", Version: "v1", Resource: "poddisruptionbudgets"},
	{Group: "autoscaling", Version: "v2", Resource: "horizontalpodautoscalers"},
	{Group: "networking.k8s.io", Version: "v1", Resource: "ingresses"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "httproutes"},
	{Group: "gateway.networking.k8s.io", Version: "v1", Resource: "grpcroutes"},
	{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"},
	{Group: "traefik.io", Version: "v1alpha1", Resource: "ingressroutes"},
	{Group: "elbv2.k8s.aws", Version: "v1beta1", Resource: "targetgroupbindings"},
	{Group: "cloud.google.com", Version: "v1", Resource: "backendconfigs"},
	{Group: "networking.gke.io", Version: "v1", Resource: "gcpbackendpolicies"},
	{Group: "keda.sh", Version: "v1alpha1", Resource: "scaledobjects"},
	{Group: "argoproj.io", Version: "v1alpha1", Resource: "rollouts"},
	{Group: "lameduck.dev", Version: "v1alpha1", Resource: "drainpolicies"},
}

// livePage is how many objects one answer of the API server holds.
const livePage = 500

// pageTimeout bounds the wait for one such answer.
const pageTimeout = 30 * time.Second

// liveFlags name the cluster to read.
type liveFlags struct {
	live                           bool
	kubeconfig, context, namespace string
}

// load reads the cluster's objects as if they were files, one each, and the
// cluster's version.
func (l *liveFlags) load(cmd *cobra.Command) (*manifest.Input, check.Version, error) {
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	config, _, err := findCluster(l.kubeconfig, l.context)
	if err != nil {
		return nil, 0, err
	}
	asker := asker{config.Host, progress}
	if err := asker.reach(cmd.Context(), config); err != nil {
		return nil, 0, err
	}
	config.QPS, config.Burst, config.Timeout = 50, 100, pageTimeout
	asking, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, 0, fmt.Errorf("connecting to the cluster: %w", err)
	}
	info, err := asking.ServerVersion()
	if err != nil {
		return nil, 0, fmt.Errorf("asking the cluster for its version: %w", err)
	}
	version, err := check.ParseVersion(info.GitVersion)
	if err != nil {
		return nil, 0, fmt.Errorf("asking the cluster for its version: %w", err)
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, 0, fmt.Errorf("connecting to the cluster: %w", err)
	}
	in, err := readLive(cmd.Context(), client, l.namespace, progress.say)
	return in, version, asker.plain(err, pageTimeout)
}

func readLive(ctx context.Context, client dynamic.Interface, namespace string, say func(string, ...any)) (*manifest.Input, error) {
	in := &manifest.Input{}
	for _, resource := range liveResources {
		within := namespace
		if resource.Resource == "namespaces" {
			within = ""
		}
		options := metav1.ListOptions{Limit: livePage}
		for {
			say("reading the cluster: %s, objects so far: %d; at most %v for the next", resource.GroupResource(), len(in.Files), pageTimeout)
			list, err := client.Resource(resource).Namespace(within).List(ctx, options)
			switch {
			case apierrors.IsNotFound(err):
				list = &unstructured.UnstructuredList{} // the cluster does not have it
			case ctx.Err() != nil:
				return nil, context.Cause(ctx)
			case timedOut(err):
				return nil, fmt.Errorf("listing %s: %w", resource.GroupResource(), err)
			case err != nil:
				in.Problems = append(in.Problems, manifest.Problem{Path: "cluster", Text: fmt.Sprintf("listing %s: %v", resource.GroupResource(), err)})
				list = &unstructured.UnstructuredList{}
			}
			for i := range list.Items {
				if within == "" && namespace != "" && list.Items[i].GetName() != namespace {
					continue
				}
				addLive(in, &list.Items[i])
			}
			if options.Continue = list.GetContinue(); options.Continue == "" {
				break
			}
		}
	}
	return in, nil
}

// addLive adds an object, without the fields that only the cluster writes.
func addLive(in *manifest.Input, o *unstructured.Unstructured) {
	o.SetManagedFields(nil)
	unstructured.RemoveNestedField(o.Object, "status")
	name := o.GetKind() + "/" + o.GetName()
	if o.GetNamespace() != "" {
		name = o.GetNamespace() + "/" + name
	}
	text, err := yaml.Marshal(o.Object)
	if err != nil {
		in.Problems = append(in.Problems, manifest.Problem{Path: "cluster/" + name, Text: err.Error()})
		return
	}
	file, problems := manifest.Parse("cluster/"+name, string(text))
	file.Rendered = true
	in.Files, in.Problems = append(in.Files, file), append(in.Problems, problems...)
}
