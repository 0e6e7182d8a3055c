package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// await calls check every 100 ms until it succeeds. It gives up, with check's last error, when the time is over, when
// ctx ends, or when one of the processes that it depends on has ended.
func await(ctx context.Context, limit time.Duration, what string, check func(context.Context) error, on ...*Process) error {
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("no success within %v", limit))
	defer cancel()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		for _, process := range on {
			if !process.Running() {
				return fmt.Errorf("waiting for %s: %s has ended, its log is %s%s",
					what, process.Name, process.Log(), logTail(process.Log()))
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for %s: %w; last: %w", what, context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// AwaitAPIServer returns when the API server is ready, for instance after a restart. It waits at most a minute, and
// fails at once if the API server or etcd is not running.
func (c *Cluster) AwaitAPIServer(ctx context.Context) error {
	client, err := c.Client()
	if err != nil {
		return err
	}
	return await(ctx, time.Minute, "the API server to be ready", func(ctx context.Context) error {
		return client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	}, c.Etcd, c.APIServer)
}

// awaitNodes returns when pods can be created and will run.
func (s starter) awaitNodes(ctx context.Context) error {
	client, err := s.Client()
	if err != nil {
		return err
	}
	return await(ctx, 2*time.Minute, "all nodes to be Ready", func(ctx context.Context) error {
		// A pod is refused until its namespace has its service account.
		if _, err := client.CoreV1().ServiceAccounts("default").Get(ctx, "default", metav1.GetOptions{}); err != nil {
			return err
		}
		nodes, err := client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
		if err != nil {
			return err
		}
		if len(nodes.Items) < s.plan.Nodes {
			return fmt.Errorf("%d of %d nodes have registered", len(nodes.Items), s.plan.Nodes)
		}
		for _, node := range nodes.Items {
			if err := nodeReady(&node); err != nil {
				return err
			}
		}
		return nil
	}, s.Processes()...)
}

func nodeReady(node *corev1.Node) error {
	for _, condition := range node.Status.Conditions {
		if condition.Type == corev1.NodeReady {
			if condition.Status == corev1.ConditionTrue {
				return nil
			}
			return fmt.Errorf("%s: %s", node.Name, condition.Message)
		}
	}
	return errors.New(node.Name + " has not reported whether it is Ready")
}
