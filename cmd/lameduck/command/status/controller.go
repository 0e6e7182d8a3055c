package status

import (
	"context"
	"strconv"
	"strings"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/deploy"
)

// controller checks that the replicas run.
func (r *run) controller(ctx context.Context) {
	namespace := r.report.Namespace
	found, err := r.Client.AppsV1().Deployments(namespace).Get(ctx, deploy.Deployment, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		r.add("controller", Problem, "there is no Deployment %s/%s", namespace, deploy.Deployment).Remedy = "lameduck install | kubectl apply -f -"
		return
	}
	if err != nil {
		r.add("controller", Unknown, "%v", err)
		return
	}
	r.deployment = found
	wanted, ready := int32(1), found.Status.ReadyReplicas
	if found.Spec.Replicas != nil {
		wanted = *found.Spec.Replicas
	}
	for _, condition := range found.Status.Conditions {
		if condition.Type == appsv1.DeploymentReplicaFailure && condition.Status == corev1.ConditionTrue {
			r.add("controller", Problem, "its pods can't be created: %s", condition.Message)
			return
		}
	}
	look := "kubectl -n " + namespace + " describe pods -l " + Ours
	switch {
	case wanted == 0:
		r.add("controller", Problem, "it is scaled to zero: new pods start without their hook")
	case ready == 0:
		r.add("controller", Problem, "none of %d replicas is ready: new pods start without their hook", wanted).Remedy = look
	case ready < wanted:
		r.add("controller", Note, "%d of %d replicas are ready", ready, wanted).Remedy = look
	case wanted == 1:
		r.add("controller", Note, "the only replica is ready: while it is replaced, pods start without their hook")
	default:
		r.add("controller", OK, "%d of %d replicas are ready", ready, wanted)
	}
}

// argument is a flag of the controller as the Deployment has it; empty if it has none.
func (r *run) argument(name string) string {
	if r.deployment == nil {
		return ""
	}
	for _, container := range r.deployment.Spec.Template.Spec.Containers {
		for _, arg := range container.Args {
			if value, is := strings.CutPrefix(arg, "--"+name+"="); is {
				return value
			}
		}
	}
	return ""
}

// leading finds the leader and asks it.
func (r *run) leading(ctx context.Context) {
	namespace := r.report.Namespace
	slice, err := r.Client.DiscoveryV1().EndpointSlices(namespace).Get(ctx, deploy.HubService, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		r.add("leader", Unknown, "%v", err)
		return
	}
	if err != nil || len(slice.Endpoints) == 0 || slice.Endpoints[0].TargetRef == nil {
		r.add("leader", Problem, "no replica leads: agents can't reach the hub, and go by what they see themselves").Remedy = "kubectl -n " + namespace + " logs -l " + Ours + " | grep election"
		return
	}
	pod := slice.Endpoints[0].TargetRef.Name
	port, err := strconv.Atoi(r.argument("metrics-port"))
	if err != nil {
		port = deploy.DefaultPorts.Metrics
	}
	leader, err := r.Replica(ctx, namespace, pod, port)
	switch {
	case err != nil:
		r.add("leader", Unknown, "pod %s leads, but could not be asked: %v", pod, err).Remedy = "this needs the right to create pods/portforward in " + namespace
		return
	case !leader.Leading:
		r.add("leader", Problem, "the hub's Service points to pod %s, which is not the leader", pod)
		return
	}
	r.leader = &leader
	since := leader.Since.Format(time.RFC3339)
	if !leader.LeaseHeld {
		r.add("leader", Problem, "pod %s has led since %s, but can't renew its lease: can it reach the API server?", pod, since)
		return
	}
	r.add("leader", OK, "pod %s has led since %s", pod, since)
}
