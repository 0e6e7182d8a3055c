package e2e

import (
	"context"
	"fmt"
	"net"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

const clients = "clients" // the pod

// client is the node that the load comes from.
func (e *Env) client() *cluster.Node { return e.Cluster.Nodes()[0] }

// dial connects from a pod on the clients' node, so that the load reaches the application as a
// cluster's own clients do: from a pod's address. From the node's address it would look like a router.
func (e *Env) dial(ctx context.Context, network, address string) (net.Conn, error) {
	return e.clients.DialContext(ctx, network, address)
}

// startClients creates the pod that the load comes from. The pod itself does nothing.
func (e *Env) startClients(ctx context.Context) error {
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: Namespace, Name: clients},
		Spec:       App{Namespace: Namespace, Name: clients}.deployment().Spec.Template.Spec,
	}
	pod.Spec.NodeName = e.client().Name()
	if _, err := e.Client.CoreV1().Pods(Namespace).Create(ctx, pod, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("creating the clients' pod: %w", err)
	}
	var container string
	err := await(ctx, "the clients' pod", func(ctx context.Context) (string, error) {
		pod, err := e.Client.CoreV1().Pods(Namespace).Get(ctx, clients, metav1.GetOptions{})
		if err != nil {
			return "", err
		}
		for _, status := range pod.Status.ContainerStatuses {
			if status.State.Running != nil {
				container = status.ContainerID
				return "", nil
			}
		}
		return "it is not running yet", nil
	})
	if err != nil {
		return err
	}
	e.clients, err = e.client().PodNetwork(ctx, container)
	return err
}

// stopClients closes the pod's network, if there is one.
func (e *Env) stopClients() error {
	if e.clients == nil {
		return nil
	}
	network := e.clients
	e.clients = nil
	if err := network.Close(); err != nil {
		return fmt.Errorf("closing the clients' network: %w", err)
	}
	return nil
}
