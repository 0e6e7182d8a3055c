//go:build cluster

package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/report"
)

// clientsNamespace is as strict as Pod Security gets, and has room for a few pods only.
const clientsNamespace = `
{apiVersion: v1, kind: Namespace, metadata: {name: clients, labels: {pod-security.kubernetes.io/enforce: restricted}}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: full, labels: {pod-security.kubernetes.io/enforce: restricted}}}
---
{apiVersion: v1, kind: ResourceQuota, metadata: {name: none, namespace: full}, spec: {hard: {pods: "0"}}}
`

// verifyInCluster runs verify from this machine, which reaches no ClusterIP, in the cluster.
func verifyInCluster(t *testing.T, e *Env) {
	if err := e.Cluster.Apply(t.Context(), clientsNamespace); err != nil {
		t.Fatal(err)
	}
	apps := map[Protection]App{}
	for _, protection := range []Protection{Bare, Lameduck} {
		app := App{Namespace: "clients", Name: string(protection), Replicas: 3, Protection: protection, Work: workTime}
		if _, err := app.Deploy(t.Context(), e.Client); err != nil {
			t.Fatal(err)
		}
		apps[protection] = app
	}
	run := func(app Protection, args ...string) (report.Verify, string, int) {
		began := time.Now()
		out, errs, code := e.lameduck(t.Context(), append([]string{"verify", "--url=http://" + string(app), "-n=clients", "--rate=60", "-o=json"}, args...)...)
		var v report.Verify
		if out != "" {
			if err := json.Unmarshal([]byte(out), &v); err != nil {
				t.Error(err)
			}
		}
		t.Logf("%s %q: exit code %d after %v, %d of %d requests lost, %d masked\n%s", app, args, code, time.Since(began).Round(time.Second), v.Totals.Lost, v.Totals.Requests, v.Totals.Masked, errs)
		e.nothingOfVerify(t)
		return v, errs, code
	}
	if _, errs, code := run(Bare); code != 3 || !strings.Contains(errs, "a Service's name is known only in the cluster") {
		t.Errorf("from here: exit code %d", code)
	}
	if v, _, code := run(Bare, "--in-cluster", "--do=rollout-restart deploy/bare"); code != 1 || v.Totals.Lost == 0 || v.Ledger == nil || len(v.Pods) != 3 {
		t.Errorf("without lameduck: exit code %d, %d lost, %d pods, ledger %v", code, v.Totals.Lost, len(v.Pods), v.Ledger)
	}
	if v, _, code := run(Lameduck, "--in-cluster", "--do=rollout-restart deploy/lameduck"); code != 0 || v.Totals.Requests == 0 {
		t.Errorf("with lameduck: exit code %d", code)
	}
	node := e.Cluster.Nodes()[1].Name()
	if v, _, code := run(Lameduck, "--in-cluster", "--selector=app=lameduck", "--do=drain "+node); code > 1 || v.Action == nil || v.Action.Failure != "" || len(v.Pods) == 0 {
		t.Errorf("drain: exit code %d, %+v, %d pods", code, v.Action, len(v.Pods))
	}
	e.schedulable(t, node)
	for want, args := range map[string][]string{
		"its image can't be pulled":              {"--image=registry.local/none:dev"},
		"forbidden: exceeded quota":              {"--namespace=full"},
		"its pod does not run after 1s":          {"--start-timeout=1s", "--image=registry.local/none:dev"},
		"the target must answer before anything": {"--url=http://bare/absent", "--timeout=100ms"},
		"deployments.apps \"absent\" not found":  {"--do=rollout-restart deploy/absent"},
	} {
		if _, errs, code := run(Bare, append([]string{"--in-cluster"}, args...)...); code != 3 || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d, no %q", args, code, want)
		}
	}
	e.interrupted(t, node)
}

// interrupted interrupts a drain: what was seen until then is told, and the node takes pods again.
func (e *Env) interrupted(t *testing.T, node string) {
	cmd := exec.CommandContext(t.Context(), filepath.Join(e.dir, "lameduck"), "verify", "--in-cluster", "--url=http://lameduck", "-n=clients",
		"--selector=app=lameduck", "--do=drain "+node, "--after=10m", "--kubeconfig", e.Cluster.Kubeconfig())
	var out strings.Builder
	said := newWatcher("cordoned node")
	cmd.Stdout, cmd.Stderr = &out, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-said.seen:
	case <-time.After(2 * time.Minute):
		t.Errorf("no drain began:\n%s", said)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // its exit code tells
	t.Logf("interrupted: exit code %d\n%s%s", cmd.ProcessState.ExitCode(), said, out.String())
	if code := cmd.ProcessState.ExitCode(); code != 3 || !strings.Contains(out.String(), "requests") || !strings.Contains(said.String(), "the result covers the time until then") {
		t.Errorf("interrupted: exit code %d", code)
	}
	e.schedulable(t, node)
	e.nothingOfVerify(t)
}

func (e *Env) schedulable(t *testing.T, node string) {
	t.Helper()
	if n, err := e.Client.CoreV1().Nodes().Get(t.Context(), node, metav1.GetOptions{}); err != nil || n.Spec.Unschedulable {
		t.Errorf("node %s is left cordoned: %v", node, err)
	}
}

// nothingOfVerify: all that a run made is gone.
func (e *Env) nothingOfVerify(t *testing.T) {
	t.Helper()
	left, err := e.Cluster.Kubectl(t.Context(), "get", "job,pod,serviceaccount,role,rolebinding,clusterrole,clusterrolebinding", "-A", "-o", "name", "-l", "app.kubernetes.io/name=lameduck-verify")
	if err != nil || strings.TrimSpace(left) != "" {
		t.Errorf("left: %s, %v", left, err)
	}
}

// watcher keeps what is written to it, and says when a text has come.
type watcher struct {
	text string
	seen chan struct{}

	mu  sync.Mutex
	all strings.Builder
}

func newWatcher(text string) *watcher { return &watcher{text: text, seen: make(chan struct{})} }

func (w *watcher) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := strings.Contains(w.all.String(), w.text)
	w.all.Write(p)
	if !before && strings.Contains(w.all.String(), w.text) {
		close(w.seen)
	}
	return len(p), nil
}

func (w *watcher) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.all.String()
}
