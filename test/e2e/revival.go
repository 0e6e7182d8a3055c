package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// revival is a way for an instance to come back at the address of one that was withdrawn.
type revival struct {
	name  string
	stack stack
	// within is how soon the next instance has to be offered once it is ready.
	within time.Duration
	// again brings up the provider's next instance, and returns when that is ready.
	again func(ctx context.Context, e *Env, r revival, provider javaApp) error
}

// Eureka's server caches its answers for 30 s.
var revivals = []revival{
	{"nacos-restarted", nacos2, 10 * time.Second, restarted},
	{"nacos-readdressed", nacos2, 10 * time.Second, readdressed},
	{"eureka-killed", eurekaPeers, 45 * time.Second, killed},
}

// watchedFor is how long the registry is asked: what a withdrawal leaves behind lasts for a minute
// or more, and for an instance that registered meanwhile as long as it is registered.
const watchedFor = 90 * time.Second

// revivalProof shows that the next instance at the address of a withdrawn one is offered. The
// control is an installation that may not clear what the withdrawal left behind. The outcome counts
// instances; those not offered in time are lost, and the hook's columns are the time from ready
// to offered.
func revivalProof(r revival) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) (_ []Outcome, err error) {
		var known []string
		if r.stack.login != nil {
			known = r.stack.installed(false)
		}
		if err := e.Install(ctx, known...); err != nil {
			return nil, err
		}
		stop, err := e.startRegistry(ctx, r.stack)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		control, err := e.revive(ctx, r)
		if err != nil {
			return nil, err
		}
		if err := e.Install(ctx, r.stack.installed(true)...); err != nil {
			return nil, err
		}
		treatment, err := e.revive(ctx, r)
		if err != nil {
			return nil, err
		}
		e.say("offered %s after it was ready without the restorer, %s with it", control.Round(time.Millisecond), treatment.Round(time.Millisecond))
		return []Outcome{{
			Name: name, Requests: 1, Control: "no restore", ControlLost: r.late(control), Lost: r.late(treatment), Hook: []time.Duration{treatment},
		}}, nil
	}
}

func (r revival) late(after time.Duration) uint64 {
	if after > r.within {
		return 1
	}
	return 0
}

// revive measures how long after the next instance was ready the registry offered it: watchedFor
// if it did not.
func (e *Env) revive(ctx context.Context, r revival) (after time.Duration, err error) {
	provider := r.stack.provider(fmt.Sprintf("orders%d", trials.Add(1)), Lameduck)
	provider.Replicas, provider.Live, provider.Node = 1, "/actuator/health/liveness", e.Cluster.Nodes()[1].Name()
	if text := provider.Annotations["lameduck.dev/registry"]; text != "" { // there are no consumers to wait for
		provider.Annotations["lameduck.dev/registry"] = text + " stale=3s quiet=1s"
	}
	e.say("%s: %s", r.name, provider.Name)
	if _, err := e.deployJava(ctx, provider); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.removeJava(context.WithoutCancel(ctx), provider)) }()
	if err := e.awaitOffered(ctx, r, provider, true, javaStart); err != nil {
		return 0, err
	}
	if err := r.again(ctx, e, r, provider); err != nil {
		return 0, err
	}
	ready := time.Now()
	if err := e.awaitOffered(ctx, r, provider, true, watchedFor); err != nil && ctx.Err() != nil {
		return 0, err
	}
	return time.Since(ready), nil
}

// awaitOffered waits until the registry offers the provider, or does not.
func (e *Env) awaitOffered(ctx context.Context, r revival, provider javaApp, want bool, limit time.Duration) error {
	return awaitFor(ctx, limit, provider.Name+" in "+r.stack.name, func(ctx context.Context) (string, error) {
		got, err := r.stack.offered(ctx, e, r.stack, provider.Name)
		if err != nil || got != want {
			return fmt.Sprintf("it is offered: %v", got), err
		}
		return "", nil
	})
}

// restarted has the kubelet restart the provider's container after a failed liveness probe.
func restarted(ctx context.Context, e *Env, _ revival, provider javaApp) error {
	if err := e.getFromPod(ctx, provider, "/break"); err != nil {
		return err
	}
	return e.awaitRestart(ctx, provider)
}

// killed does the same, but kills the container once it is withdrawn, as running out of memory
// would.
func killed(ctx context.Context, e *Env, r revival, provider javaApp) error {
	if err := e.getFromPod(ctx, provider, "/break"); err != nil {
		return err
	}
	if err := e.awaitOffered(ctx, r, provider, false, javaStart); err != nil {
		return err
	}
	if err := e.getFromPod(ctx, provider, "/halt"); err == nil {
		return fmt.Errorf("%s answered when it was told to halt", provider.Name)
	}
	return e.awaitRestart(ctx, provider)
}

// readdressed deletes the provider's pod and gives its address to the next pod.
func readdressed(ctx context.Context, e *Env, _ revival, provider javaApp) error {
	before, err := e.onePod(ctx, provider)
	if err != nil {
		return err
	}
	scale := func(replicas string) error {
		_, err := e.Cluster.Kubectl(ctx, "-n", RegistryNamespace, "scale", "deploy/"+provider.Name, "--replicas="+replicas)
		return err
	}
	if err := scale("0"); err != nil {
		return err
	}
	err = await(ctx, "the pod to be gone", func(ctx context.Context) (string, error) {
		pods, err := e.Client.CoreV1().Pods(RegistryNamespace).List(ctx, metav1.ListOptions{LabelSelector: provider.selector()})
		if err != nil || len(pods.Items) > 0 {
			return "it is still there", err
		}
		return "", nil
	})
	if err != nil {
		return err
	}
	address, err := netip.ParseAddr(before.Status.PodIP)
	if err != nil {
		return err
	}
	if err := e.Cluster.Nodes()[1].NextAddress(address); err != nil {
		return err
	}
	if err := scale("1"); err != nil {
		return err
	}
	if err := e.awaitJava(ctx, provider); err != nil {
		return err
	}
	after, err := e.onePod(ctx, provider)
	if err == nil && after.Status.PodIP != before.Status.PodIP {
		err = fmt.Errorf("the next pod's address is %s, not %s", after.Status.PodIP, before.Status.PodIP)
	}
	return err
}

// getFromPod sends a GET to the provider's only pod.
func (e *Env) getFromPod(ctx context.Context, provider javaApp, path string) error {
	pod, err := e.onePod(ctx, provider)
	if err != nil {
		return err
	}
	return e.get(ctx, fmt.Sprintf("http://%s:%d%s", pod.Status.PodIP, provider.Container.Ports[0], path), nil)
}

func (e *Env) awaitRestart(ctx context.Context, provider javaApp) error {
	return awaitFor(ctx, javaStart, provider.Name+" to restart", func(ctx context.Context) (string, error) {
		pod, err := e.onePod(ctx, provider)
		if err != nil {
			return "", err
		}
		if status := pod.Status.ContainerStatuses[0]; status.RestartCount == 0 || !status.Ready {
			return fmt.Sprintf("%d restarts, ready: %v", status.RestartCount, status.Ready), nil
		}
		return "", nil
	})
}

func (e *Env) onePod(ctx context.Context, a javaApp) (*corev1.Pod, error) {
	pods, err := e.Client.CoreV1().Pods(RegistryNamespace).List(ctx, metav1.ListOptions{LabelSelector: a.selector()})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) == 0 {
		return nil, fmt.Errorf("%s has %d pods, or one without a container yet", a.Name, len(pods.Items))
	}
	return &pods.Items[0], nil
}
