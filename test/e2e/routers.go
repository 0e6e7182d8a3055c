package e2e

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// Router stands between the load and the application: it sends to the pods' own addresses over
// connections that it keeps, and learns of each change so much later.
type Router struct{ Late time.Duration }

// routerName is that of the router's Deployment, Service, ServiceAccount and Role.
func routerName(app App) string { return app.Name + "-router" }

// Deploy puts the router before the application and gives the URL of its Service.
func (r Router) Deploy(ctx context.Context, client kubernetes.Interface, app App) (string, error) {
	name := routerName(app)
	meta := metav1.ObjectMeta{Namespace: app.Namespace, Name: name}
	_, accountErr := client.CoreV1().ServiceAccounts(app.Namespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{})
	_, roleErr := client.RbacV1().Roles(app.Namespace).Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: []string{"list", "watch"}},
	}}, metav1.CreateOptions{})
	_, bindingErr := client.RbacV1().RoleBindings(app.Namespace).Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: app.Namespace, Name: name}},
	}, metav1.CreateOptions{})
	if err := errors.Join(accountErr, roleErr, bindingErr); err != nil {
		return "", fmt.Errorf("deploying the router of %s: %w", app.Name, err)
	}
	router := App{Namespace: app.Namespace, Name: name, Replicas: 1, Protection: Bare, Account: name,
		Command: []string{"/router", "--namespace=" + app.Namespace, "--service=" + app.Name, "--late=" + r.Late.String()}}
	return router.Deploy(ctx, client)
}

// Remove takes the router away again.
func (r Router) Remove(ctx context.Context, client kubernetes.Interface, app App) error {
	name := routerName(app)
	return errors.Join(
		App{Namespace: app.Namespace, Name: name}.Remove(ctx, client),
		client.RbacV1().RoleBindings(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		client.RbacV1().Roles(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		client.CoreV1().ServiceAccounts(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
	)
}
