package e2e

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"

	"github.com/lameduck-dev/lameduck/deploy"
)

const (
	controlNamespace = deploy.Namespace
	controller       = "lameduck-controller" // the Deployment
)

// Install does what the README says: lameduck install | kubectl apply -f -, with args added
// to install. It returns when every replica is ready and one of them leads.
func (e *Env) Install(ctx context.Context, args ...string) error {
	e.say("installing lameduck %s", strings.Join(args, " "))
	manifests, err := installManifests(ctx, e.dir, append([]string{"--kubeconfig", e.Cluster.Kubeconfig()}, args...)...)
	if err != nil {
		return err
	}
	if err := e.Cluster.Apply(ctx, manifests); err != nil {
		return fmt.Errorf("installing lameduck: %w", err)
	}
	return waitInstalled(ctx, e.Client)
}

// installManifests runs the lameduck binary that Build left in dir.
func installManifests(ctx context.Context, dir string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, filepath.Join(dir, "lameduck"),
		append([]string{"install", "--image", ControllerImage, "--agent-image", AgentImage}, args...)...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	manifests, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("lameduck install: %w\n%s", err, stderr.String())
	}
	return string(manifests), nil
}

// waitInstalled waits until every replica is ready and a leader that stays answers as the hub.
func waitInstalled(ctx context.Context, client kubernetes.Interface) error {
	return await(ctx, "the controller", func(ctx context.Context) (string, error) {
		lacks, err := deployed(ctx, client, controlNamespace, controller)
		if lacks != "" || err != nil {
			return lacks, err
		}
		name, err := leader(ctx, client)
		if name == "" || err != nil {
			return "no leader answers as the hub yet", err
		}
		pod, err := client.CoreV1().Pods(controlNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil || pod.DeletionTimestamp != nil {
			return "the leader is about to stop", err
		}
		return "", nil
	})
}

// leader is the name of the pod that the hub's Service leads to, or empty.
func leader(ctx context.Context, client kubernetes.Interface) (string, error) {
	slices, err := client.DiscoveryV1().EndpointSlices(controlNamespace).List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=" + deploy.HubService})
	if err != nil {
		return "", err
	}
	for _, slice := range slices.Items {
		for _, endpoint := range slice.Endpoints {
			if endpoint.TargetRef != nil && (endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready) {
				return endpoint.TargetRef.Name, nil
			}
		}
	}
	return "", nil
}

// KillLeader deletes the leading controller's pod with no grace period.
func (e *Env) KillLeader(ctx context.Context) error {
	leader, err := leader(ctx, e.Client)
	if err != nil {
		return fmt.Errorf("killing the leader: %w", err)
	}
	if leader == "" {
		return fmt.Errorf("killing the leader: there is none")
	}
	return e.Client.CoreV1().Pods(controlNamespace).Delete(ctx, leader, metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)})
}

// controllers lists the controller's pods.
func (e *Env) controllers(ctx context.Context) ([]corev1.Pod, error) {
	pods, err := e.Client.CoreV1().Pods(controlNamespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=lameduck"})
	if err != nil {
		return nil, fmt.Errorf("listing the controllers: %w", err)
	}
	return pods.Items, nil
}

// Scale sets the number of controllers; zero removes hub and webhook. It returns when
// that many are there and the others are gone.
func (e *Env) Scale(ctx context.Context, replicas int) error {
	if _, err := e.Cluster.Kubectl(ctx, "-n", controlNamespace, "scale", "deploy/"+controller, fmt.Sprintf("--replicas=%d", replicas)); err != nil {
		return fmt.Errorf("scaling the controller: %w", err)
	}
	if replicas > 0 {
		return waitInstalled(ctx, e.Client)
	}
	return await(ctx, "the controllers to leave", func(ctx context.Context) (string, error) {
		pods, err := e.controllers(ctx)
		if err != nil || len(pods) == 0 {
			return "", err
		}
		return fmt.Sprintf("%d of them are still there", len(pods)), nil
	})
}
