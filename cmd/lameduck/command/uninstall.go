package command

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/metadata"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/cmd/lameduck/command/status"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

const uninstallHelp = `Prints everything that lameduck has in a cluster, for kubectl:

  lameduck uninstall | kubectl delete -f -

The cluster is read, not changed. The DrainPolicies and their definition stay unless --policies
is given. A namespace is listed only if it holds nothing but lameduck; otherwise what keeps it is
named, and lameduck's objects in it are listed one by one. Labels and annotations that people
wrote stay. Running pods keep their agent: without a hub it goes by what it sees in the pod.

Exit codes:
  0  written, or there is nothing of lameduck
  1  the cluster could not be asked; nothing written
  2  wrong usage`

// uninstallTimeout bounds all requests: some eighty lists of a namespace.
const uninstallTimeout = 2 * time.Minute

type uninstallFlags struct {
	namespace, kubeconfig, context string
	policies                       bool
}

func newUninstall() *cobra.Command {
	var flags uninstallFlags
	cmd := &cobra.Command{
		Use:     "uninstall",
		Short:   "Print what to delete to remove lameduck from a cluster",
		Long:    uninstallHelp,
		Example: "  lameduck uninstall | kubectl delete -f -\n  lameduck uninstall --policies | kubectl delete -f -",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, _, err := findCluster(flags.kubeconfig, flags.context)
			if err != nil {
				return &exitError{1, err}
			}
			progress := startProgress(cmd.ErrOrStderr())
			defer progress.stop()
			asker := asker{config.Host, progress}
			if err := asker.reach(cmd.Context(), config); err != nil {
				return &exitError{1, err}
			}
			config.QPS, config.Burst, config.Timeout = 50, 100, answerTimeout
			discoverer, err := discovery.NewDiscoveryClientForConfig(config)
			if err != nil {
				return &exitError{1, err}
			}
			client, err := metadata.NewForConfig(config)
			if err != nil {
				return &exitError{1, err}
			}
			u := remover{client: client, namespace: flags.namespace, policies: flags.policies, note: func(format string, args ...any) {
				fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...)
			}}
			err = asker.ask(cmd.Context(), uninstallTimeout, "what is in the cluster", func(ctx context.Context) error {
				if u.kinds, err = namespacedKinds(discoverer); err != nil {
					return err
				}
				return u.run(ctx)
			})
			if err != nil {
				return &exitError{1, err}
			}
			if u.out.Len() == 0 {
				u.note("there is nothing of lameduck in this cluster")
			}
			if _, err := dataOut(cmd).Write(u.out.Bytes()); err != nil {
				return &exitError{1, fmt.Errorf("writing what to delete: %w", err)}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.namespace, "namespace", deploy.Namespace, "namespace of the controller")
	f.BoolVar(&flags.policies, "policies", false, "the DrainPolicies of all namespaces too, with their definition")
	f.StringVar(&flags.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	f.StringVar(&flags.context, "context", "", "context of the kubeconfig (default: its current one)")
	return cmd
}

// kind is one kind of object that a cluster has.
type kind struct {
	schema.GroupVersionResource
	name string
}

// remover finds what is to be deleted.
type remover struct {
	client    metadata.Interface
	kinds     []kind // those that live in namespaces
	namespace string
	policies  bool
	note      func(format string, args ...any)
	out       bytes.Buffer
}

// clusterKinds are in the order of deletion. The webhook goes first, so that new pods start as
// written; then the rights, before the controller, which could make its objects anew.
var (
	webhookKind = kind{schema.GroupVersionResource{Group: "admissionregistration.k8s.io", Version: "v1", Resource: "mutatingwebhookconfigurations"}, "MutatingWebhookConfiguration"}
	rightsKinds = []kind{
		{rbac("clusterrolebindings"), "ClusterRoleBinding"}, {rbac("clusterroles"), "ClusterRole"},
		{rbac("rolebindings"), "RoleBinding"}, {rbac("roles"), "Role"},
	}
	namespaceKind = kind{schema.GroupVersionResource{Version: "v1", Resource: "namespaces"}, "Namespace"}
	crdKind       = kind{schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}, "CustomResourceDefinition"}
)

func rbac(resource string) schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: "rbac.authorization.k8s.io", Version: "v1", Resource: resource}
}

func (u *remover) run(ctx context.Context) error {
	for _, k := range append([]kind{webhookKind}, rightsKinds...) {
		items, err := u.list(ctx, k, "", status.Ours)
		if err != nil {
			return err
		}
		for i := range items {
			if name := items[i].Name; name == "lameduck" || strings.HasPrefix(name, "lameduck-") {
				u.write(k, &items[i])
			}
		}
	}
	for _, namespace := range []string{u.namespace, deploy.BarrierNamespace} {
		if err := u.emptyNamespace(ctx, namespace); err != nil {
			return err
		}
	}
	return u.definition(ctx)
}

// emptyNamespace deletes a namespace, or what lameduck has in it.
func (u *remover) emptyNamespace(ctx context.Context, name string) error {
	there, err := u.list(ctx, namespaceKind, "", "kubernetes.io/metadata.name="+name)
	if err != nil || len(there) == 0 {
		return err
	}
	all := map[kind][]metav1.PartialObjectMetadata{}
	here := map[types.UID]*metav1.PartialObjectMetadata{}
	for _, k := range u.kinds {
		if k.Group == rightsKinds[0].Group {
			continue // listed already
		}
		if all[k], err = u.list(ctx, k, name, ""); err != nil {
			return err
		}
		for i := range all[k] {
			here[all[k][i].UID] = &all[k][i]
		}
	}
	var foreign []string
	own := remover{}
	for _, k := range u.kinds {
		for i := range all[k] {
			switch item := &all[k][i]; {
			case goesWithOwner(item, here), comesByItself(k, item):
			case isOurs(k, item, u.namespace):
				own.write(k, item)
			default:
				foreign = append(foreign, strings.ToLower(k.name)+"/"+item.Name)
			}
		}
	}
	if len(foreign) == 0 && isOurs(namespaceKind, &there[0], u.namespace) {
		u.write(namespaceKind, &there[0])
		return nil
	}
	if len(foreign) > 0 {
		u.note("namespace %s stays: it holds %s", name, strings.Join(foreign[:min(len(foreign), 10)], ", "))
	}
	if own.out.Len() > 0 {
		u.separate()
		u.out.Write(own.out.Bytes())
	}
	return nil
}

// goesWithOwner reports whether the object belongs to one that is in the namespace and decides for it. An
// owner outside of it, or one that is gone, decides nothing.
func goesWithOwner(item *metav1.PartialObjectMetadata, here map[types.UID]*metav1.PartialObjectMetadata) bool {
	const generations = 8 // a pod's Deployment is its second owner
	owner := item
	for range generations {
		i := slices.IndexFunc(owner.OwnerReferences, func(o metav1.OwnerReference) bool { return here[o.UID] != nil })
		if i < 0 {
			return owner != item && len(owner.OwnerReferences) == 0
		}
		owner = here[owner.OwnerReferences[i].UID]
	}
	return false
}

// comesByItself reports whether Kubernetes puts the object into every namespace.
func comesByItself(k kind, item *metav1.PartialObjectMetadata) bool {
	switch k.name {
	case "Event", "PodMetrics":
		return true
	case "ServiceAccount":
		return item.Name == "default"
	case "ConfigMap":
		return item.Name == "kube-root-ca.crt" || item.Name == "openshift-service-ca.crt"
	case "Endpoints", "EndpointSlice":
		// Of a Service, which is listed itself.
		return item.Labels["endpoints.kubernetes.io/managed-by"] == "endpoint-controller" || item.Labels["endpointslice.kubernetes.io/managed-by"] == "endpointslicemirroring-controller.k8s.io"
	}
	return false
}

func isOurs(k kind, item *metav1.PartialObjectMetadata, namespace string) bool {
	switch {
	case item.Labels["app.kubernetes.io/name"] == "lameduck":
		return true
	case item.Labels[barrier.ManagedByLabel] == barrier.ManagedBy, item.Labels["endpointslice.kubernetes.io/managed-by"] == barrier.ManagedBy:
		return true
	}
	return k.name == "Lease" && item.Namespace == namespace && item.Name == deploy.Lease
}

// definition deletes the CRD if asked to; otherwise it stays, with its DrainPolicies.
func (u *remover) definition(ctx context.Context) error {
	name := "drainpolicies." + v1alpha1.GroupVersion.Group
	items, err := u.list(ctx, crdKind, "", "")
	if err != nil {
		return err
	}
	for i := range items {
		if items[i].Name != name {
			continue
		}
		policies, err := u.list(ctx, kind{v1alpha1.GroupVersion.WithResource("drainpolicies"), "DrainPolicy"}, "", "")
		if err != nil {
			return err
		}
		if !u.policies {
			u.note("the definition of DrainPolicies stays, with %d of them: add --policies to delete both", len(policies))
			return nil
		}
		u.note("%d DrainPolicies go with their definition", len(policies))
		u.write(crdKind, &items[i])
	}
	return nil
}

func (u *remover) separate() {
	if u.out.Len() > 0 {
		u.out.WriteString("---\n")
	}
}

func (u *remover) write(k kind, item *metav1.PartialObjectMetadata) {
	u.separate()
	fmt.Fprintf(&u.out, "apiVersion: %s\nkind: %s\nmetadata:\n  name: %q\n", k.GroupVersion(), k.name, item.Name)
	if item.Namespace != "" {
		fmt.Fprintf(&u.out, "  namespace: %q\n", item.Namespace)
	}
}
