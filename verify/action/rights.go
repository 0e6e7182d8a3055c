package action

import (
	"fmt"
	"strings"

	rbacv1 "k8s.io/api/rbac/v1"
)

// Rights are what a run asks of the API server, as the rules of a Role and of a ClusterRole.
type Rights struct {
	Namespace []rbacv1.PolicyRule // in the namespace of the workload
	Cluster   []rbacv1.PolicyRule // for nodes, and in all namespaces
}

// Rule allows verbs on one resource of an API group: on the objects with these names, or on all.
func Rule(group, resource string, names []string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, ResourceNames: names, Verbs: verbs}
}

// onWorkload are the rights to do something to a workload itself.
func onWorkload(w *Workload, verbs ...string) rbacv1.PolicyRule {
	return Rule("apps", strings.ToLower(w.Kind)+"s", []string{w.Name}, verbs...)
}

// rolling are the rights to change a workload, and to wait until its pods have followed.
func rolling(w *Workload) Rights {
	return Rights{Namespace: []rbacv1.PolicyRule{onWorkload(w, "get", "patch"), Rule("", "pods", nil, "get", "list")}}
}

// removing are the rights to remove a pod: the one with that name, or any if the name is empty.
func removing(name string, evict bool) []rbacv1.PolicyRule {
	var names []string
	if name != "" {
		names = []string{name}
	}
	if evict {
		return []rbacv1.PolicyRule{Rule("", "pods", names, "get"), Rule("", "pods/eviction", names, "create")}
	}
	return []rbacv1.PolicyRule{Rule("", "pods", names, "get", "delete")}
}

// removingOneOf are the rights to choose a pod of a workload, to remove it, and to wait for the next.
func removingOneOf(w *Workload, evict bool) Rights {
	return Rights{Namespace: append(removing("", evict), Rule("", "pods", nil, "list"), onWorkload(w, "get"))}
}

// emptying are the rights to drain a node.
func emptying(node string) Rights {
	return Rights{Cluster: append(removing("", true), Rule("", "pods", nil, "list"), Rule("", "nodes", []string{node}, "patch"))}
}

// Text shows a rule as one line: "get, patch deployments.apps app".
func Text(rule rbacv1.PolicyRule) string {
	var resources []string
	for _, resource := range rule.Resources {
		if group := strings.Join(rule.APIGroups, ","); group != "" {
			resource += "." + group
		}
		resources = append(resources, resource)
	}
	text := fmt.Sprintf("%s %s", strings.Join(rule.Verbs, ", "), strings.Join(resources, ", "))
	if len(rule.ResourceNames) > 0 {
		text += " " + strings.Join(rule.ResourceNames, ", ")
	}
	return text
}
