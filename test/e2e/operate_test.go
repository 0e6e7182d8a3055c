//go:build cluster

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/deploy"
	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// restoreRole is what an installation of an earlier version left in a user's namespace.
const restoreRole = `
{apiVersion: rbac.authorization.k8s.io/v1, kind: Role, metadata: {name: lameduck-restore-nacos, namespace: shop, labels: {app.kubernetes.io/name: lameduck}}, rules: []}
---
{apiVersion: rbac.authorization.k8s.io/v1, kind: RoleBinding, metadata: {name: lameduck-restore-nacos, namespace: shop, labels: {app.kubernetes.io/name: lameduck}},
 roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: lameduck-restore-nacos}, subjects: []}
`

// TestAnInstallationsLife goes through what operators do and what happens to them: status, objects
// that somebody deletes, an API server that is away, a second installation, uninstalling.
func TestAnInstallationsLife(t *testing.T) {
	e, err := Up(t.Context(), cluster.Options{Name: "life", Nodes: 2, Proxy: cluster.NFTables, Progress: os.Stderr})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := e.Cluster.Apply(t.Context(), "{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {lameduck.dev/inject: 'true'}}}"); err != nil {
		t.Fatal(err)
	}
	if err := e.Cluster.Apply(t.Context(), restoreRole); err != nil {
		t.Fatal(err)
	}
	if err := e.Install(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		name string
		run  func(*testing.T, *Env)
	}{
		{"status", statusOK}, {"reconciled", reconciled}, {"verify in the cluster", verifyInCluster}, {"API server away", apiServerAway}, {"dead node", deadNode}, {"second installation", secondInstallation}, {"uninstall", uninstall},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.run(t, e) }) {
			if text, err := e.Cluster.Kubectl(context.Background(), "-n", controlNamespace, "logs", "-l", "app.kubernetes.io/name=lameduck", "--tail=60", "--prefix"); err == nil {
				t.Log(text)
			}
		}
	}
}

// lameduck runs the program with the cluster's kubeconfig.
func (e *Env) lameduck(ctx context.Context, args ...string) (stdout, stderr string, code int) {
	cmd := exec.CommandContext(ctx, filepath.Join(e.dir, "lameduck"), append(args, "--kubeconfig", e.Cluster.Kubeconfig())...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var exited *exec.ExitError
	if errors.As(err, &exited) {
		code = exited.ExitCode()
	} else if err != nil {
		code = -1
	}
	return out.String(), errs.String(), code
}

// awaitStatus waits until status reports a check at a level.
func awaitStatus(t *testing.T, e *Env, check, level string) {
	t.Helper()
	var last string
	err := awaitFor(t.Context(), 90*time.Second, "status to report "+check+" as "+level, func(ctx context.Context) (string, error) {
		out, errs, _ := e.lameduck(ctx, "status", "-o", "json")
		last = out + errs
		var report struct {
			Checks []struct{ Check, Level string }
		}
		if err := json.Unmarshal([]byte(out), &report); err != nil {
			return errs, err
		}
		for _, result := range report.Checks {
			if result.Check == check && result.Level == level {
				return "", nil
			}
		}
		return "not yet", nil
	})
	if err != nil {
		t.Errorf("%v\n%s", err, last)
	}
}

func statusOK(t *testing.T, e *Env) {
	awaitStatus(t, e, "barrier", "ok")
	out, errs, code := e.lameduck(t.Context(), "status")
	t.Log("\n" + out)
	if code != 0 || strings.Count(out, "\nok ") != 9 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// reconciled deletes and overwrites the objects that the leader reconciles.
func reconciled(t *testing.T, e *Env) {
	leads, err := leader(t.Context(), e.Client)
	if err != nil {
		t.Fatal(err)
	}
	service, err := e.Client.CoreV1().Services(controlNamespace).Get(t.Context(), deploy.HubService, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	slices := e.Client.DiscoveryV1().EndpointSlices(controlNamespace)
	for name, spoil := range map[string]func() error{
		"slice deleted": func() error { return slices.Delete(t.Context(), deploy.HubService, metav1.DeleteOptions{}) },
		"slice overwritten": func() error {
			_, err := slices.Patch(t.Context(), deploy.HubService, "application/merge-patch+json", []byte(`{"endpoints":[{"addresses":["10.9.9.9"],"targetRef":{"kind":"Pod","name":"old"}}]}`), metav1.PatchOptions{})
			return err
		},
		"service deleted": func() error {
			return e.Client.CoreV1().Services(controlNamespace).Delete(t.Context(), deploy.HubService, metav1.DeleteOptions{})
		},
	} {
		if err := spoil(); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		err := awaitFor(t.Context(), 10*time.Second, name, func(ctx context.Context) (string, error) {
			now, err := leader(ctx, e.Client)
			if err != nil || now != leads {
				return "leads to " + now, err
			}
			again, err := e.Client.CoreV1().Services(controlNamespace).Get(ctx, deploy.HubService, metav1.GetOptions{})
			if err != nil || again.Spec.ClusterIP != service.Spec.ClusterIP {
				return "the Service is not back as it was", err
			}
			return "", nil
		})
		if err != nil {
			t.Error(err)
		}
		t.Logf("%s: put right after %v", name, time.Since(began).Round(time.Millisecond))
	}
	barriers := e.Client.CoreV1().Services(deploy.BarrierNamespace)
	there, err := barriers.List(t.Context(), metav1.ListOptions{})
	if err != nil || len(there.Items) == 0 {
		t.Fatal(err, len(there.Items))
	}
	if err := barriers.Delete(t.Context(), there.Items[0].Name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := awaitFor(t.Context(), 15*time.Second, "the barrier's Service to be recreated", func(ctx context.Context) (string, error) {
		now, err := barriers.List(ctx, metav1.ListOptions{})
		if err != nil || len(now.Items) != len(there.Items) {
			return "not as many as before", err
		}
		return "", nil
	}); err != nil {
		t.Error(err)
	}
	awaitStatus(t, e, "barrier", "ok")
}

// apiServerAway: the hub's port stays open, and the same replica leads when the API server is back.
func apiServerAway(t *testing.T, e *Env) {
	leads, err := leader(t.Context(), e.Client)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := e.Client.CoreV1().Pods(controlNamespace).Get(t.Context(), leads, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	hub := netip.AddrPortFrom(netip.MustParseAddr(pod.Status.PodIP), 8080)
	node := e.Cluster.Nodes()[0]
	if err := e.Cluster.APIServer.Pause(); err != nil {
		t.Fatal(err)
	}
	open, tries := 0, 0
	for began := time.Now(); time.Since(began) < 20*time.Second; tries++ {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		if conn, err := node.DialContext(ctx, "tcp", hub.String()); err == nil {
			conn.Close()
			open++
		}
		cancel()
		<-time.After(500 * time.Millisecond)
	}
	if err := e.Cluster.APIServer.Resume(); err != nil {
		t.Fatal(err)
	}
	t.Logf("the hub's port was open at %d of %d looks while the API server was away for 20 s", open, tries)
	if open < tries {
		t.Errorf("the hub's port was closed at %d of %d looks", tries-open, tries)
	}
	awaitStatus(t, e, "leader", "ok")
	pods, err := e.controllers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		if restarts := pod.Status.ContainerStatuses[0].RestartCount; restarts > 0 {
			t.Errorf("pod %s restarted %d times", pod.Name, restarts)
		}
	}
}

// deadNode: a dead node is named, and left out once somebody declares it off.
func deadNode(t *testing.T, e *Env) {
	node := e.Cluster.Nodes()[1]
	if err := node.KubeProxy.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	app := App{Namespace: "shop", Name: "cart", Replicas: 2, Protection: Lameduck, Work: workTime}
	if _, err := app.Deploy(t.Context(), e.Client); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Cluster.Kubectl(t.Context(), "-n", "shop", "rollout", "restart", "deployment/cart"); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, e, "barrier", "problem")
	if _, err := e.Cluster.Kubectl(t.Context(), "label", "node", node.Name(), "lameduck.dev/no-kube-proxy=true"); err != nil {
		t.Fatal(err)
	}
	awaitStatus(t, e, "barrier", "ok")
	out, _, _ := e.lameduck(t.Context(), "status")
	t.Log("\n" + out)
	if _, err := e.Cluster.Kubectl(t.Context(), "label", "node", node.Name(), "lameduck.dev/no-kube-proxy-"); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(node.KubeProxy.Start(), app.Remove(t.Context(), e.Client)); err != nil {
		t.Fatal(err)
	}
}

// secondInstallation: install refuses it, and so do the controllers if it is applied all the same.
func secondInstallation(t *testing.T, e *Env) {
	out, errs, code := e.lameduck(t.Context(), "install", "--namespace", "other")
	if code != 1 || out != "" || !strings.Contains(errs, "lameduck is already installed in namespace lameduck-system") {
		t.Errorf("install: exit code %d, %s", code, errs)
	}
	label := func(owner string) {
		if _, err := e.Cluster.Kubectl(t.Context(), "label", "--overwrite", "namespace", deploy.BarrierNamespace, "lameduck.dev/installation="+owner); err != nil {
			t.Fatal(err)
		}
	}
	label("other")
	awaitStatus(t, e, "installation", "problem")
	if err := await(t.Context(), "the controllers to end", func(ctx context.Context) (string, error) {
		pods, err := e.controllers(ctx)
		if err != nil {
			return "", err
		}
		for _, pod := range pods {
			if ended := pod.Status.ContainerStatuses[0].LastTerminationState.Terminated; ended == nil {
				return pod.Name + " is still running", nil
			}
		}
		return "", nil
	}); err != nil {
		t.Error(err)
	}
	label(controlNamespace)
	if err := waitInstalled(t.Context(), e.Client); err != nil {
		t.Error(err)
	}
}

// uninstall removes everything of lameduck and nothing of others.
func uninstall(t *testing.T, e *Env) {
	if err := e.Cluster.Apply(t.Context(), `
apiVersion: lameduck.dev/v1alpha1
kind: DrainPolicy
metadata: {name: web, namespace: shop}
spec: {selector: {}}
---
{apiVersion: v1, kind: Secret, metadata: {name: nacos, namespace: shop}}
`); err != nil {
		t.Fatal(err)
	}
	out, errs, code := e.lameduck(t.Context(), "uninstall")
	if code != 0 || !strings.Contains(errs, "stays, with 1 of them") || !strings.Contains(out, "lameduck-restore-nacos") {
		t.Fatalf("exit code %d, %s\n%s", code, errs, out)
	}
	file := filepath.Join(t.TempDir(), "uninstall.yaml")
	if err := os.WriteFile(file, []byte(out), 0o600); err != nil {
		t.Fatal(err)
	}
	if text, err := e.Cluster.Kubectl(t.Context(), "delete", "-f", file, "--timeout=120s"); err != nil {
		t.Fatal(text, err)
	}
	left, err := e.Cluster.Kubectl(t.Context(), "get", "namespace,clusterrole,clusterrolebinding,mutatingwebhookconfiguration,role,rolebinding,service,lease,deployment,resourcequota,networkpolicy", "-A", "-o", "name", "-l", "app.kubernetes.io/name=lameduck")
	if err != nil || strings.TrimSpace(left) != "" {
		t.Errorf("left: %s, %v", left, err)
	}
	for _, namespace := range []string{controlNamespace, deploy.BarrierNamespace} {
		if _, err := e.Client.CoreV1().Namespaces().Get(t.Context(), namespace, metav1.GetOptions{}); !apierrors.IsNotFound(err) {
			t.Errorf("namespace %s: %v", namespace, err)
		}
	}
	if text, err := e.Cluster.Kubectl(t.Context(), "-n", "shop", "get", "drainpolicy/web", "secret/nacos", "-o", "name"); err != nil {
		t.Errorf("users' objects: %s, %v", text, err)
	}
	out, errs, code = e.lameduck(t.Context(), "uninstall", "--policies")
	if code != 0 || strings.Count(out, "kind: ") != 1 || !strings.Contains(out, "drainpolicies.lameduck.dev") {
		t.Errorf("again: exit code %d, %s\n%s", code, errs, out)
	}
	if out, _, code = e.lameduck(t.Context(), "status"); code != 1 || !strings.Contains(out, "lameduck is not installed") {
		t.Errorf("status: exit code %d, %s", code, out)
	}
}
