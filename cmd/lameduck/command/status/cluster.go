package status

import (
	"context"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller"
	"github.com/lameduck-dev/lameduck/controller/census"
	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// maxNamed bounds what a result names.
const maxNamed = 20

// barrier says which nodes pass it, which do not, and why.
func (r *run) barrier(context.Context) {
	if r.leader == nil {
		r.add("barrier", Unknown, "only the leader knows which nodes pass it")
		return
	}
	for _, family := range r.leader.Barrier {
		if family.Problem != "" {
			r.add("barrier", Problem, "%s: it has no Service, so it proves nothing: %s", family.Family, family.Problem)
		}
		var silent, waiting, unproved []string
		for _, node := range family.Nodes {
			named := node.Name + ": " + node.Why
			switch {
			case node.Unproved:
				unproved = append(unproved, named)
			case node.Silent:
				silent = append(silent, named)
			case !node.Passing:
				waiting = append(waiting, named)
			}
		}
		if len(unproved) > 0 {
			result := r.add("barrier", Problem, "%s: %d of %d nodes have a proxy that nothing is proved of, so nothing is confirmed", family.Family, len(unproved), len(family.Nodes))
			result.Named = atMost(unproved)
			result.Remedy = "run kube-proxy there in nftables or iptables mode; for a node that sends no Service traffic: kubectl label node NODE " + barrier.IgnoreLabel + "=true"
		}
		switch {
		case len(silent) > 0:
			result := r.add("barrier", Problem, "%s: %d of %d nodes are silent; nothing is confirmed until they answer", family.Family, len(silent), len(family.Nodes))
			result.Named = atMost(silent)
			result.Remedy = "fix their kube-proxy; for a node that is off: kubectl taint nodes NODE node.kubernetes.io/out-of-service=nodeshutdown:NoExecute, or delete it; for one without kube-proxy: kubectl label node NODE " + barrier.IgnoreLabel + "=true"
		case len(waiting) > 0:
			r.add("barrier", Note, "%s: %d of %d nodes have not answered yet", family.Family, len(waiting), len(family.Nodes)).Named = atMost(waiting)
		case family.Problem == "" && len(unproved) == 0:
			r.add("barrier", OK, "%s: all of %d nodes pass", family.Family, len(family.Nodes))
		}
	}
	if len(r.leader.LeftOut) > 0 {
		var left []string
		for _, node := range r.leader.LeftOut {
			left = append(left, node.Node+": "+node.Why)
		}
		r.add("barrier", Note, "%d nodes are left out, as an operator asked", len(left)).Named = atMost(left)
	}
}

// proxy says in which mode the cluster's configuration has kube-proxy run, and what that is worth.
func (r *run) proxy(context.Context) {
	if r.leader == nil || r.leader.Proxy == (controller.ProxyMode{}) { // not asked, or of the version before
		return
	}
	mode := r.leader.Proxy
	from := "ConfigMap " + controller.ProxyConfig
	switch {
	case !mode.Known:
		r.add("kube-proxy", Note, "its mode is not known; %s: %s", from, mode.Why).Remedy = "where it runs in IPVS mode, its nodes need a label: kubectl label node NODE " + barrier.ProxyLabel + "=ipvs"
	case mode.Unproved() != "":
		result := r.add("kube-proxy", Note, "its mode is %q, by %s: what it acknowledges is no proof, so no stop is confirmed", mode.Mode, from)
		result.Remedy = "set it to nftables or iptables; for a node that runs in one of these: kubectl label node NODE " + barrier.ProxyLabel + "=kube-proxy"
	case mode.Mode == "":
		r.add("kube-proxy", OK, "its mode is the default, by %s", from)
	default:
		r.add("kube-proxy", OK, "its mode is %s, by %s", mode.Mode, from)
	}
	if mode.Known && mode.Why != "" {
		r.add("kube-proxy", Note, "%s could not be read again: %s", from, mode.Why)
	}
}

// pods counts those without the hook that they should have, and those with another agent.
func (r *run) pods(ctx context.Context) {
	namespaces, err := r.Client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		r.add("pods", Unknown, "%v", err)
		return
	}
	policies, err := r.Policies(ctx)
	if err != nil {
		r.add("pods", Unknown, "%v", err)
		return
	}
	counter := census.NewCounter(r.argument("agent-image"), namespaces.Items, policies)
	options := metav1.ListOptions{Limit: 500}
	for {
		page, err := r.Client.CoreV1().Pods("").List(ctx, options)
		if err != nil {
			r.add("pods", Unknown, "%v", err)
			return
		}
		for i := range page.Items {
			counter.Add(&page.Items[i])
		}
		if options.Continue = page.Continue; options.Continue == "" {
			break
		}
	}
	found := counter.Census()
	if found.Missing > 0 {
		result := r.add("pods", Problem, "%d pods should have a hook and have none: they were created before it was asked for, or while the webhook could not be reached", found.Missing)
		result.Named, result.Remedy = found.NamedMissing, "kubectl -n NAMESPACE rollout restart deployment"
	} else {
		r.add("pods", OK, "all of %d pods that should have a hook have it", found.Hooked)
	}
	if found.OtherAgent > 0 {
		result := r.add("pods", Note, "%d pods have another agent than new pods get", found.OtherAgent)
		result.Named, result.Remedy = found.NamedOther, "they work; restart them to get the present one"
	}
}

// agents says whether pods reach the hub.
func (r *run) agents(context.Context) {
	switch {
	case r.leader == nil:
		r.add("agents", Unknown, "only the leader knows whether pods reach the hub")
	case r.leader.Unheard > 0:
		result := r.add("agents", Problem, "of %d pods that stopped, %d never reached the hub: their stops took %.0f s or more", r.leader.Heard+r.leader.Unheard, r.leader.Unheard, termination.CarefulSleep.Seconds())
		for _, pod := range r.leader.Last {
			result.Named = append(result.Named, fmt.Sprintf("%s on %s, %s", pod.Pod, pod.Node, pod.Time.Format(time.RFC3339)))
		}
		result.Remedy = "does a NetworkPolicy let these pods reach Service " + deploy.HubService + " in " + r.report.Namespace + ", port 80 (" + r.hubPort() + " of the pods)?"
	case r.leader.Heard > 0:
		r.add("agents", OK, "all of %d pods that stopped reached the hub", r.leader.Heard)
	default:
		r.add("agents", OK, "no pod with an agent has stopped under this leader")
	}
}

func (r *run) hubPort() string {
	if port := r.argument("hub-port"); port != "" {
		return port
	}
	return "8080"
}

// leftovers names objects that nothing uses any more.
func (r *run) leftovers(ctx context.Context) {
	var left []string
	services, err := r.Client.CoreV1().Services(deploy.BarrierNamespace).List(ctx, metav1.ListOptions{LabelSelector: barrier.ManagedByLabel + "=" + barrier.ManagedBy})
	if err != nil {
		r.add("leftovers", Unknown, "%v", err)
		return
	}
	if r.leader != nil {
		var used []string
		for _, family := range r.leader.Barrier {
			used = append(used, family.Services...)
		}
		left = controller.LeftServices(services.Items, used, r.Now())
	}
	bindings, err := r.Client.RbacV1().RoleBindings("").List(ctx, metav1.ListOptions{LabelSelector: Ours})
	if err != nil {
		r.add("leftovers", Unknown, "%v", err)
		return
	}
	for i := range bindings.Items {
		binding := &bindings.Items[i]
		for _, subject := range binding.Subjects {
			if strings.HasPrefix(binding.Name, "lameduck-") && subject.Namespace != r.report.Namespace {
				left = append(left, "rolebinding/"+binding.Name+" in "+binding.Namespace)
			}
		}
	}
	if len(left) > 0 {
		r.add("leftovers", Note, "nothing uses %d objects any more", len(left)).Named = atMost(left)
		return
	}
	r.add("leftovers", OK, "nothing is left over")
}

func atMost(names []string) []string {
	if len(names) > maxNamed {
		return append(names[:maxNamed:maxNamed], fmt.Sprintf("and %d more", len(names)-maxNamed))
	}
	return names
}
