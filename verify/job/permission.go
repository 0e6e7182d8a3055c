package job

import (
	"context"
	"fmt"
	"strings"

	authv1 "k8s.io/api/authorization/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// mayRun asks whether the user may do all that a run needs, and names what is missing, before anything is
// made.
func mayRun(ctx context.Context, c kubernetes.Interface, all []*object) error {
	type right struct{ verb, group, resource, sub, namespace string }
	var needed []right
	for _, o := range all {
		for _, verb := range []string{"create", "delete"} {
			needed = append(needed, right{verb, o.kind.Group, o.resource, "", o.GetNamespace()})
		}
	}
	in := all[0].GetNamespace()
	needed = append(needed, right{"patch", "batch", "jobs", "", in}, right{"list", "", "pods", "", in}, right{"get", "", "pods", "log", in}, right{"list", "", "events", "", in})
	var missing []string
	for _, r := range needed {
		review, err := c.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authv1.SelfSubjectAccessReview{
			Spec: authv1.SelfSubjectAccessReviewSpec{ResourceAttributes: &authv1.ResourceAttributes{
				Namespace: r.namespace, Verb: r.verb, Group: r.group, Resource: r.resource, Subresource: r.sub,
			}},
		}, metav1.CreateOptions{})
		if err != nil {
			return fmt.Errorf("asking what this user may do: %w", err)
		}
		if review.Status.Allowed {
			continue
		}
		text := r.verb + " " + r.resource
		if r.sub != "" {
			text += "/" + r.sub
		}
		if r.group != "" {
			text += "." + r.group
		}
		missing = append(missing, text)
	}
	if len(missing) > 0 {
		return fmt.Errorf("this user may not %s (namespace %s): have that granted, or have somebody who may create what --dry-run prints", strings.Join(missing, ", "), in)
	}
	return nil
}
