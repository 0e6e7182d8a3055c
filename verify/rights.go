package verify

import (
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/lameduck-dev/lameduck/verify/action"
)

// Rights are what Run needs in the namespace of a Cluster that it watches.
func Rights() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		action.Rule("", "pods", nil, "list", "watch"),
		action.Rule("", "pods/log", nil, "get"),
		action.Rule("", "events", nil, "list", "watch"),
		action.Rule("discovery.k8s.io", "endpointslices", nil, "list", "watch"),
	}
}
