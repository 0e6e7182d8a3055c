package command

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"github.com/spf13/cobra"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/registry/kinds"
)

const controllerHelp = `Runs webhook, hub and barrier in a cluster. The Deployment that lameduck install prints starts
it: it needs that Deployment's ServiceAccount, the mounted keys, and POD_NAME, POD_IP, POD_IPS and
NODE_NAME in its environment.

Every replica answers the webhook; hub and barrier run on the leader.

Exit codes: 0 told to stop, 1 could not go on (lost leadership, no API server, a port in use),
2 wrong usage.`

func newController() *cobra.Command {
	var o controller.Options
	var level slog.Level
	var registries []string
	cmd := &cobra.Command{
		Use:         "controller",
		Annotations: map[string]string{endsInOrder: "answers pending requests, and gives up its lease"},
		Short:       "Run webhook, hub and barrier (in a cluster)",
		Long:        controllerHelp,
		Args:        cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.AgentImage == "" {
				return &exitError{2, errors.New("controller: --agent-image is missing: the image that pods get their agent from")}
			}
			for _, text := range registries {
				server, err := kinds.All.ParseServer(text)
				if err != nil {
					return &exitError{2, fmt.Errorf("controller: %w", err)}
				}
				o.Registries = append(o.Registries, server)
			}
			o.Pod = controller.Self{Name: os.Getenv("POD_NAME"), Node: os.Getenv("NODE_NAME"), IP: os.Getenv("POD_IP")}
			if ips := os.Getenv("POD_IPS"); ips != "" {
				o.Pod.IPs = strings.Split(ips, ",")
			}
			if o.Pod.Name == "" || o.Pod.Node == "" || o.Pod.IP == "" {
				return &exitError{2, errors.New("controller: POD_NAME, NODE_NAME and POD_IP must be set: run it by the Deployment that lameduck install prints")}
			}
			limitMemory(os.Getenv("MEMORY_LIMIT"))
			o.Log = slog.New(slog.NewTextHandler(cmd.ErrOrStderr(), &slog.HandlerOptions{Level: level}))
			var err error
			if o.Config, err = ctrl.GetConfig(); err != nil {
				return &exitError{1, fmt.Errorf("controller: %w", err)}
			}
			if err := controller.Run(cmd.Context(), o); err != nil {
				return &exitError{1, fmt.Errorf("controller: %w", err)}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.Namespace, "namespace", deploy.Namespace, "namespace of the controller")
	f.StringVar(&o.BarrierNamespace, "barrier-namespace", deploy.BarrierNamespace, "namespace of the barrier's objects; its name must sort after all others")
	f.StringVar(&o.Keys, "keys", "/etc/lameduck/keys", "folder with ca.crt, ca.key, hub.key and webhook.token")
	f.StringVar(&o.AgentImage, "agent-image", "", "image that pods get their agent from")
	f.StringVar(&o.PullPolicy, "agent-pull-policy", "", "pull policy of that image; empty leaves it to the cluster")
	f.IntVar(&o.WebhookPort, "webhook-port", 9443, "port of the webhook (HTTPS)")
	f.IntVar(&o.HubPort, "hub-port", 8080, "port of the hub (HTTP with sealed bodies)")
	f.IntVar(&o.MetricsPort, "metrics-port", 8081, "port of /metrics")
	f.IntVar(&o.HealthPort, "health-port", 8082, "port of /healthz and /readyz")
	f.TextVar(&o.Numbers, "barrier-ports", barrier.DefaultNumbers, "ports on which the barrier listens, FIRST-LAST: nodes open connections to them")
	f.BoolVar(&o.BarrierTwice, "barrier-twice", false, "have every node acknowledge two writes; for clusters whose kube-proxy and kubelet are a minor version or more apart")
	f.StringArrayVar(&registries, "registry-server", nil, registryServerHelp)
	f.StringArrayVar(&o.RegistrySecrets, "registry-secret", nil, registrySecretHelp)
	f.BoolVar(&o.Ingresses, "ingresses", false, ingressesHelp)
	f.TextVar(&level, "log-level", slog.LevelInfo, "lowest level to log: debug, info, warn or error")
	return cmd
}
