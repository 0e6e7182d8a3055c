package command

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/cmd/lameduck/command/status"
	"github.com/lameduck-dev/lameduck/deploy"
)

const installHelp = `Prints the manifests that install lameduck in a cluster, for kubectl:

  lameduck install | kubectl apply -f -

The cluster is read, not changed: if an earlier installation has made them, the webhook's CA and
the hub's key are kept (pods that carry an old key can't ask a hub with a new one until they are
replaced). --offline does not look, and makes new ones.

Everything but the keys is the same each time. A cluster has one installation: if another
namespace has it, nothing is written. lameduck uninstall removes it.

Exit codes:
  0  written
  1  the cluster could not be asked, its keys can't be used, or another namespace has an
     installation; nothing written
  2  wrong usage`

// What both the installation and the controller are told.
const (
	registryServerHelp = `registry that DrainPolicies may name, and in which the controller clears what withdrawals left behind, such as "nacos server=nacos.infra:8848 secret=nacos"; the Secret is in the controller's namespace; repeatable (default: none)`
	ingressesHelp      = "read Ingresses, and give pods the time that the load balancers outside the cluster take that these ask for; those of Services are read in any case"
	registrySecretHelp = "NAMESPACE/NAME of a Secret that DrainPolicies of that namespace may name, besides those called lameduck-...; repeatable"
)

type installFlags struct {
	options    deploy.Options
	offline    bool
	kubeconfig string
	context    string
}

// earlier is what exists of an installation already.
type earlier struct {
	keys  map[string][]byte // nil if there are none
	other string            // the namespace of another installation; empty if there is none
}

// keyStore looks for an earlier installation.
type keyStore func(ctx context.Context, namespace string) (earlier, error)

func newInstall(build Build) *cobra.Command {
	var flags installFlags
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "Print the manifests that install lameduck in a cluster",
		Long:    installHelp,
		Example: "  lameduck install --image registry.example/lameduck:v1 --agent-image registry.example/lameduck-agent:v1 | kubectl apply -f -\n  lameduck install --offline --image registry.example/lameduck:v1 --agent-image registry.example/lameduck-agent:v1 > lameduck.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runInstall(cmd, flags, func(ctx context.Context, namespace string) (earlier, error) {
				progress := startProgress(cmd.ErrOrStderr())
				defer progress.stop()
				return flags.lookBefore(ctx, namespace, progress)
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.options.Namespace, "namespace", deploy.Namespace, "namespace of the controller")
	f.StringVar(&flags.options.Image, "image", build.image(), "image that holds the controller")
	f.StringVar(&flags.options.AgentImage, "agent-image", build.agentImage(), "image that holds the agent, for injected pods")
	f.StringVar(&flags.options.PullPolicy, "pull-policy", "", "imagePullPolicy of both images (default: the cluster's)")
	f.IntVar(&flags.options.Replicas, "replicas", 2, "replicas of the controller")
	f.StringSliceVar(&flags.options.WebhookFrom, "webhook-from", nil, "CIDR of the API servers: a NetworkPolicy lets only them reach the webhook (default: everyone may); repeatable")
	f.StringArrayVar(&flags.options.RegistryServers, "registry-server", nil, registryServerHelp)
	f.StringArrayVar(&flags.options.RegistrySecrets, "registry-secret", nil, registrySecretHelp)
	f.BoolVar(&flags.options.Ingresses, "ingresses", false, ingressesHelp)
	f.BoolVar(&flags.options.HostNetwork, "host-network", false, "have the controller listen at its nodes' addresses: for API servers that reach nodes but not pods")
	f.IntVar(&flags.options.Ports.Webhook, "webhook-port", deploy.DefaultPorts.Webhook, "port of the webhook, which API servers call; the nodes' firewall must let it through")
	f.IntVar(&flags.options.Ports.Hub, "hub-port", deploy.DefaultPorts.Hub, "port of the hub, which pods call")
	f.IntVar(&flags.options.Ports.Metrics, "metrics-port", deploy.DefaultPorts.Metrics, "port of the metrics")
	f.IntVar(&flags.options.Ports.Health, "health-port", deploy.DefaultPorts.Health, "port of the kubelet's probes")
	f.TextVar(&flags.options.BarrierPorts, "barrier-ports", barrier.DefaultNumbers, "ports of the barrier, FIRST-LAST, to which nodes open connections")
	f.BoolVar(&flags.offline, "offline", false, "do not ask the cluster for the keys of an earlier installation")
	f.StringVar(&flags.kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	f.StringVar(&flags.context, "context", "", "context of the kubeconfig (default: its current one)")
	return cmd
}

func runInstall(cmd *cobra.Command, flags installFlags, stored keyStore) error {
	if err := flags.options.Validate(); err != nil {
		return err
	}
	if flags.offline {
		if err := idle(cmd, "--offline asks no cluster", "kubeconfig", "context"); err != nil {
			return err
		}
	}
	note := func(format string, args ...any) { fmt.Fprintf(cmd.ErrOrStderr(), format+"\n", args...) }
	for _, image := range []string{flags.options.Image, flags.options.AgentImage} {
		if strings.HasPrefix(image, LocalImages+"/") {
			note("%s is in no registry unless you pushed it there: name yours by --image and --agent-image, or pods wait in ImagePullBackOff", image)
		}
	}
	namespace := flags.options.Namespace
	var before earlier
	if !flags.offline {
		var err error
		if before, err = stored(cmd.Context(), namespace); err != nil {
			return &exitError{1, fmt.Errorf("asking the cluster for the keys of an earlier installation: %w: fix that, or add --offline for new keys", err)}
		}
		if before.other != "" {
			return &exitError{1, fmt.Errorf("lameduck is already installed in namespace %s, and a cluster has one installation: add --namespace %s to renew it, or remove it first: lameduck uninstall --namespace %s | kubectl delete -f -", before.other, before.other, before.other)}
		}
	}
	var err error
	switch {
	case before.keys != nil:
		if flags.options.Keys, err = deploy.KeysFrom(before.keys, time.Now()); err != nil {
			return &exitError{1, fmt.Errorf("keeping the keys of Secret %s/%s: %w: delete it to get new keys", namespace, deploy.KeysSecret, err)}
		}
		note("kept the keys of Secret %s/%s", namespace, deploy.KeysSecret)
	default:
		if flags.options.Keys, err = deploy.NewKeys(time.Now()); err != nil {
			return &exitError{1, err}
		}
		if flags.offline {
			note("made new keys without looking at the cluster: if lameduck is already installed, its pods can't ask the hub until they are replaced")
		} else {
			note("made new keys: there is no Secret %s/%s yet", namespace, deploy.KeysSecret)
		}
	}
	manifests, err := deploy.Render(flags.options)
	if err != nil {
		return &exitError{1, err}
	}
	if _, err := dataOut(cmd).Write(manifests); err != nil {
		return &exitError{1, fmt.Errorf("writing the manifests: %w", err)}
	}
	public, err := flags.options.Keys.HubPublic()
	if err != nil {
		return &exitError{1, err}
	}
	note("the hub is %s, its public key %s", deploy.HubAddress(namespace), public)
	return nil
}

// lookBefore looks for an earlier installation by the user's kubeconfig.
func (f installFlags) lookBefore(ctx context.Context, namespace string, progress *progress) (before earlier, err error) {
	config, _, err := findCluster(f.kubeconfig, f.context)
	if err != nil {
		return earlier{}, err
	}
	asker := asker{config.Host, progress}
	if err := asker.reach(ctx, config); err != nil {
		return earlier{}, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return earlier{}, err
	}
	err = asker.ask(ctx, answerTimeout, "the keys of an earlier installation", func(ctx context.Context) error {
		before, err = lookBefore(ctx, client, namespace)
		return err
	})
	return before, err
}

func lookBefore(ctx context.Context, client kubernetes.Interface, namespace string) (earlier, error) {
	var before earlier
	there, err := status.Installations(ctx, client)
	if err != nil {
		return earlier{}, err
	}
	for _, other := range there {
		if other != namespace {
			before.other = other
			return before, nil
		}
	}
	secret, err := client.CoreV1().Secrets(namespace).Get(ctx, deploy.KeysSecret, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return before, nil
	case err != nil:
		return earlier{}, err
	}
	if before.keys = secret.Data; before.keys == nil {
		before.keys = map[string][]byte{}
	}
	return before, nil
}

// pullPolicy reads the flag --pull-policy.
func pullPolicy(text string) (corev1.PullPolicy, error) {
	switch policy := corev1.PullPolicy(text); policy {
	case "", corev1.PullAlways, corev1.PullIfNotPresent, corev1.PullNever:
		return policy, nil
	}
	return "", fmt.Errorf("--pull-policy %q: write Always, IfNotPresent or Never", text)
}
