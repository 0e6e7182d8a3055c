package e2e

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/test/routers"
)

// Router stands between the load and the application: it sends to the pods' own addresses.
type Router interface {
	// deploy puts the router in front of the application and returns its URL.
	deploy(ctx context.Context, e *Env, app App) (string, error)
	// remove removes it.
	remove(ctx context.Context, e *Env, app App) error
}

// routerName is the name of the router's Deployment, Service, ServiceAccount and Role.
func routerName(app App) string { return app.Name + "-router" }

// loadOnce has write make an image's archive, and loads it on the nodes, unless that was done before.
func (e *Env) loadOnce(ctx context.Context, tag string, write func(archive string) error) error {
	if e.loaded[tag] {
		return nil
	}
	e.say("building and loading %s", tag)
	archive := filepath.Join(e.dir, strings.NewReplacer("/", "-", ":", "-").Replace(tag)+".tar")
	if err := write(archive); err != nil {
		return err
	}
	if err := e.Cluster.Load(ctx, archive); err != nil {
		return err
	}
	e.loaded[tag] = true
	return nil
}

// lateRouter learns of each change late, by exactly that time: a program of ours, or with proxy a real
// proxy whose controller that program is.
type lateRouter struct {
	late  time.Duration
	proxy string // nginx, haproxy or envoy
	asked bool   // its pod says where the proxy's API is
	fresh bool   // it opens a connection for each request, as nginx does unless it is told otherwise
}

// apis are where test/router opens the APIs of the proxies.
var apis = map[string]string{"envoy": "envoy:9901", "haproxy": "haproxy:8404/stats"}

func (r lateRouter) deploy(ctx context.Context, e *Env, app App) (string, error) {
	client := e.Client
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
		Command: []string{"/router", "--namespace=" + app.Namespace, "--service=" + app.Name, "--late=" + r.late.String()}}
	if r.fresh {
		router.Command = append(router.Command, "--fresh")
	}
	if r.asked {
		router.Annotations = map[string]string{"lameduck.dev/router-api": apis[r.proxy]}
	}
	if r.proxy != "" {
		err := e.loadOnce(ctx, routers.ProxiesImage, func(archive string) error {
			return routers.WriteProxies(ctx, filepath.Join(e.dir, "router"), archive, e.progress)
		})
		if err != nil {
			return "", err
		}
		router.Image, router.Command = routers.ProxiesImage, append(router.Command, "--proxy="+r.proxy)
	}
	return router.Deploy(ctx, client)
}

func (r lateRouter) remove(ctx context.Context, e *Env, app App) error {
	name, client := routerName(app), e.Client
	return errors.Join(
		App{Namespace: app.Namespace, Name: name}.Remove(ctx, client),
		client.RbacV1().RoleBindings(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		client.RbacV1().Roles(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
		client.CoreV1().ServiceAccounts(app.Namespace).Delete(ctx, name, metav1.DeleteOptions{}),
	)
}

// resolver is a client of a headless Service: it keeps its connections, and looks up the Service's name
// at an interval.
type resolver struct{ every time.Duration }

func (r resolver) deploy(ctx context.Context, e *Env, app App) (string, error) {
	client := App{Namespace: app.Namespace, Name: routerName(app), Replicas: 1, Protection: Bare,
		Command: []string{"/router", "--namespace=" + app.Namespace, "--service=" + app.Name, "--resolve=" + r.every.String()}}
	return client.Deploy(ctx, e.Client)
}

func (r resolver) remove(ctx context.Context, e *Env, app App) error {
	return App{Namespace: app.Namespace, Name: routerName(app)}.Remove(ctx, e.Client)
}
