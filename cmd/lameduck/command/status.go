package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lameduck-dev/lameduck/cmd/lameduck/command/status"
	"github.com/lameduck-dev/lameduck/workload/printable"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

const statusHelp = `Shows on one screen whether lameduck works in a cluster:

  installation  there is exactly one
  controller    its replicas are ready
  leader        one leads, and holds its lease
  webhook       the API server is configured to call it
  certificate   how long the webhook's CA is valid
  answers       the API server reaches the webhook, and how long that takes (it creates a pod by
                dry run: nothing is made)
  barrier       which nodes pass it, which do not, and why
  kube-proxy    its mode, by kube-system's ConfigMap kube-proxy: what it acknowledges in IPVS mode
                is no proof
  pods          which running pods should have a hook and have none, or have another agent
  agents        whether pods that stopped had reached the hub
  leftovers     objects of lameduck that nothing uses any more

Each is ok, a note, a problem, or unknown where it could not be found out. Nothing is changed.

It needs to list pods, namespaces, services, rolebindings, deployments and drainpolicies, to
create pods in one namespace (for the dry run), and to create pods/portforward in the
controller's namespace, which is how it asks the leader.

Exit codes:
  0  no problem
  1  at least one problem
  2  wrong usage
  3  the cluster could not be asked, or no problem was found and something is unknown`

// statusTimeout bounds the whole report: a webhook that hangs takes 5 s, a large cluster's pods a
// few.
const statusTimeout = time.Minute

func newStatus() *cobra.Command {
	var kubeconfig, contextName, output string
	var config status.Config
	cmd := &cobra.Command{
		Use:     "status",
		Short:   "Show whether lameduck works in a cluster",
		Long:    statusHelp,
		Example: "  lameduck status\n  lameduck status -o json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := oneOf("--output", output, "text", "json"); err != nil {
				return err
			}
			rest, _, err := findCluster(kubeconfig, contextName)
			if err != nil {
				return &exitError{3, err}
			}
			report, err := makeReport(cmd, rest, config)
			if err != nil {
				return &exitError{3, fmt.Errorf("asking the cluster: %w", err)}
			}
			if output == "json" {
				encoder := json.NewEncoder(printable.JSON{To: cmd.OutOrStdout()})
				encoder.SetIndent("", "  ")
				err = encoder.Encode(report)
			} else {
				err = report.Write(cmd.OutOrStdout())
			}
			switch {
			case err != nil:
				return &exitError{3, fmt.Errorf("writing the report: %w", err)}
			case report.Level == status.Problem:
				return &exitError{1, nil}
			case report.Level == status.Unknown:
				return &exitError{3, nil}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&config.Namespace, "namespace", "", "namespace of the controller (default: wherever it is)")
	f.StringVar(&config.Probe, "probe-namespace", "", "namespace in which a pod's creation is tried (default: the first that is injected, else default)")
	f.StringVarP(&output, "output", "o", "text", "text or json")
	f.StringVar(&kubeconfig, "kubeconfig", "", "kubeconfig file (default: $KUBECONFIG, then ~/.kube/config)")
	f.StringVar(&contextName, "context", "", "context of the kubeconfig (default: its current one)")
	return cmd
}

// makeReport asks the cluster, and reports its progress once that takes over 2 s.
func makeReport(cmd *cobra.Command, rest *rest.Config, config status.Config) (report status.Report, err error) {
	progress := startProgress(cmd.ErrOrStderr())
	defer progress.stop()
	asker := asker{rest.Host, progress}
	if err := asker.reach(cmd.Context(), rest); err != nil {
		return report, err
	}
	if err := askAs(rest, &config); err != nil {
		return report, err
	}
	err = asker.ask(cmd.Context(), statusTimeout, "all that the report needs", func(ctx context.Context) error {
		report, err = status.Make(ctx, config)
		return err
	})
	return report, err
}

// askAs fills in what asks the cluster.
func askAs(config *rest.Config, to *status.Config) error {
	heard := &warnings{}
	config.QPS, config.Burst, config.WarningHandler = 50, 100, heard
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	to.Client, to.Warnings, to.Now = client, heard.takeHeard, time.Now
	to.Policies = func(ctx context.Context) ([]v1alpha1.DrainPolicy, error) {
		text, err := client.RESTClient().Get().AbsPath("/apis", v1alpha1.GroupVersion.String(), "drainpolicies").DoRaw(ctx)
		if err != nil {
			return nil, fmt.Errorf("listing DrainPolicies: %w", err)
		}
		var list v1alpha1.DrainPolicyList
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, errors.New("listing DrainPolicies: the answer is not a list of them")
		}
		return list.Items, nil
	}
	to.Replica = forwarder{config, client}.status
	return nil
}

// warnings keeps the API server's warnings.
type warnings struct {
	mu    sync.Mutex
	heard []string
}

// HandleWarningHeader makes it a rest.WarningHandler.
func (w *warnings) HandleWarningHeader(code int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if code == 299 && len(w.heard) < 100 {
		w.heard = append(w.heard, text)
	}
}

func (w *warnings) takeHeard() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	heard := slices.Clone(w.heard)
	w.heard = nil
	return heard
}
