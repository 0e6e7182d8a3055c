package job

import (
	"bytes"
	"context"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/yaml"
)

// object is one of the objects that a run makes.
type object struct {
	metav1.Object // as it is to be, and once it was made, as it is
	kind          schema.GroupVersionKind
	resource      string // kind as the API names it
	create        func(ctx context.Context, c kubernetes.Interface) (metav1.Object, error)
	remove        func(ctx context.Context, c kubernetes.Interface) error
}

func (o *object) String() string { return o.resource + "/" + o.GetName() }

// ownedBy has o go when its owner goes.
func (o *object) ownedBy(owner *object) {
	o.SetOwnerReferences([]metav1.OwnerReference{{
		APIVersion: owner.kind.GroupVersion().String(), Kind: owner.kind.Kind, Name: owner.GetName(), UID: owner.GetUID(),
	}})
}

// typed is a typed client of one kind.
type typed[T metav1.Object] interface {
	Create(ctx context.Context, o T, options metav1.CreateOptions) (T, error)
	Delete(ctx context.Context, name string, options metav1.DeleteOptions) error
}

func newObject[T metav1.Object, C typed[T]](version schema.GroupVersion, kind, resource string, o T, client func(kubernetes.Interface) C) *object {
	return &object{
		Object: o, kind: version.WithKind(kind), resource: resource,
		create: func(ctx context.Context, c kubernetes.Interface) (metav1.Object, error) {
			return client(c).Create(ctx, o, metav1.CreateOptions{})
		},
		remove: func(ctx context.Context, c kubernetes.Interface) error {
			err := client(c).Delete(ctx, o.GetName(), metav1.DeleteOptions{PropagationPolicy: ptr.To(metav1.DeletePropagationBackground)})
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		},
	}
}

// objects are all that a run makes, in the order in which they are made; the first owns the others of its
// namespace. The ServiceAccount is the last one: no pod starts before its rights are there.
func (s *Spec) objects(name string) []*object {
	in := s.Namespace
	meta := func() metav1.ObjectMeta {
		return metav1.ObjectMeta{Namespace: in, Name: name, Labels: labels(name)}
	}
	wide := metav1.ObjectMeta{Name: name, Labels: labels(name)}
	account := []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: in, Name: name}}
	all := []*object{newObject(batchv1.SchemeGroupVersion, "Job", "jobs", s.job(meta()), func(c kubernetes.Interface) typed[*batchv1.Job] { return c.BatchV1().Jobs(in) })}
	if len(s.Rules) > 0 {
		all = append(all,
			newObject(rbacv1.SchemeGroupVersion, "Role", "roles", &rbacv1.Role{ObjectMeta: meta(), Rules: s.Rules},
				func(c kubernetes.Interface) typed[*rbacv1.Role] { return c.RbacV1().Roles(in) }),
			newObject(rbacv1.SchemeGroupVersion, "RoleBinding", "rolebindings",
				&rbacv1.RoleBinding{ObjectMeta: meta(), Subjects: account, RoleRef: roleRef("Role", name)},
				func(c kubernetes.Interface) typed[*rbacv1.RoleBinding] { return c.RbacV1().RoleBindings(in) }))
	}
	if len(s.ClusterRules) > 0 {
		all = append(all,
			newObject(rbacv1.SchemeGroupVersion, "ClusterRole", "clusterroles",
				&rbacv1.ClusterRole{ObjectMeta: wide, Rules: append(s.ClusterRules, ownRole(name))},
				func(c kubernetes.Interface) typed[*rbacv1.ClusterRole] { return c.RbacV1().ClusterRoles() }),
			newObject(rbacv1.SchemeGroupVersion, "ClusterRoleBinding", "clusterrolebindings",
				&rbacv1.ClusterRoleBinding{ObjectMeta: wide, Subjects: account, RoleRef: roleRef("ClusterRole", name)},
				func(c kubernetes.Interface) typed[*rbacv1.ClusterRoleBinding] {
					return c.RbacV1().ClusterRoleBindings()
				}))
	}
	return append(all, newObject(corev1.SchemeGroupVersion, "ServiceAccount", "serviceaccounts",
		&corev1.ServiceAccount{ObjectMeta: meta(), ImagePullSecrets: s.PullSecrets},
		func(c kubernetes.Interface) typed[*corev1.ServiceAccount] { return c.CoreV1().ServiceAccounts(in) }))
}

func roleRef(kind, name string) rbacv1.RoleRef {
	return rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: kind, Name: name}
}

// ownRole is the right to delete the ClusterRole that has it.
func ownRole(name string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{rbacv1.GroupName}, Resources: []string{"clusterroles"}, ResourceNames: []string{name}, Verbs: []string{"delete"}}
}

// DeleteClusterRole deletes the ClusterRole of a run, and with it its binding. The run's own pod does so
// at its end, whatever became of the client.
func DeleteClusterRole(ctx context.Context, c kubernetes.Interface, name string) error {
	err := c.RbacV1().ClusterRoles().Delete(ctx, name, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("deleting ClusterRole %s: %w", name, err)
	}
	return nil
}

// Manifests are the objects that a run of this name makes, as YAML. The references to their owner come
// when it is made.
func (s *Spec) Manifests(name string) ([]byte, error) {
	var out bytes.Buffer
	for i, o := range s.objects(name) {
		text, err := yaml.Marshal(o.Object)
		if err != nil {
			return nil, fmt.Errorf("writing %s: %w", o, err)
		}
		if i > 0 {
			out.WriteString("---\n")
		}
		fmt.Fprintf(&out, "apiVersion: %s\nkind: %s\n", o.kind.GroupVersion(), o.kind.Kind)
		out.Write(bytes.TrimSuffix(text, []byte("status: {}\n")))
	}
	return out.Bytes(), nil
}

// requests are the CPU and memory that are reserved. There are no limits: the CPU would be throttled, and
// so measured.
func requests() corev1.ResourceList {
	return corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("64Mi")}
}
