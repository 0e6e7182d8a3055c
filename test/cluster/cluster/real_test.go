//go:build cluster

package cluster_test

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
	"github.com/lameduck-dev/lameduck/test/cluster/image"
)

const probeImage = "registry.local/probe:test"

// crashName makes the test binary bring up that instance and nothing else, to be killed halfway.
const crashName = "LAMEDUCK_TEST_CRASH"

func TestMain(m *testing.M) {
	if name := os.Getenv(crashName); name != "" {
		_, err := cluster.Start(context.Background(), cluster.Options{Name: name, Nodes: 2, Progress: os.Stdout})
		fmt.Println("Start returned", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// env is a running cluster and what its tests need.
type env struct {
	*cluster.Cluster
	client kubernetes.Interface
}

// start brings up a cluster with the probe image loaded. When the test ends, the cluster is stopped and must leave
// nothing.
func start(t *testing.T, options cluster.Options) env {
	t.Helper()
	options.Progress = testLog{t}
	begin := time.Now()
	c, err := cluster.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("up after %v", time.Since(begin).Round(time.Millisecond))
	t.Cleanup(func() {
		saveLogs(t, c)
		begin := time.Now()
		if err := c.Stop(context.Background()); err != nil {
			t.Error(err)
		}
		t.Logf("down after %v", time.Since(begin).Round(time.Millisecond))
		mustLeaveNothing(t, c)
	})
	client, err := c.Client()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Load(t.Context(), buildProbe(t)); err != nil {
		t.Fatal(err)
	}
	return env{c, client}
}

func mustLeaveNothing(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	left, err := c.Footprint()
	if err != nil {
		t.Fatal(err)
	}
	if len(left) > 0 {
		t.Errorf("the cluster left:\n%s", strings.Join(left, "\n"))
	}
}

func buildProbe(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "probe"), "./testdata/probe")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	archive := filepath.Join(dir, "probe.tar")
	if err := image.Write(image.Spec{Tag: probeImage, Binary: filepath.Join(dir, "probe")}, archive); err != nil {
		t.Fatal(err)
	}
	return archive
}

// saveLogs copies the logs of a cluster whose test failed to the folder LAMEDUCK_TEST_LOGS.
func saveLogs(t *testing.T, c *cluster.Cluster) {
	if to := os.Getenv("LAMEDUCK_TEST_LOGS"); t.Failed() && to != "" {
		if err := os.CopyFS(filepath.Join(to, fmt.Sprint(c.Name(), "-", time.Now().Unix())), os.DirFS(filepath.Join(c.Dir(), "logs"))); err != nil {
			t.Log(err)
		}
	}
}

type testLog struct{ t *testing.T }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Log(string(bytes.TrimSpace(line)))
	return len(line), nil
}

// apply applies manifests, with IMAGE replaced by the probe's.
func (e env) apply(t *testing.T, manifests string) {
	t.Helper()
	if err := e.Apply(t.Context(), strings.ReplaceAll(manifests, "IMAGE", probeImage)); err != nil {
		t.Fatal(err)
	}
}

func (e env) kubectl(t *testing.T, args ...string) string {
	t.Helper()
	output, err := e.Kubectl(t.Context(), args...)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(output)
}

// serve runs a probe behind a Service, both called name, on node, and returns the pod's address and the Service's.
func (e env) serve(t *testing.T, name, node string) (pod netip.Addr, service netip.AddrPort) {
	t.Helper()
	e.apply(t, fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: %[1]s, labels: {app: %[1]s}}
spec:
  nodeName: %[2]s
  terminationGracePeriodSeconds: 1
  containers:
  - {name: probe, image: IMAGE, imagePullPolicy: Never, args: [serve], readinessProbe: {tcpSocket: {port: 8080}, periodSeconds: 1}}
---
apiVersion: v1
kind: Service
metadata: {name: %[1]s}
spec: {selector: {app: %[1]s}, ports: [{port: 80, targetPort: 8080}]}
`, name, node))
	e.kubectl(t, "wait", "--for=condition=Ready", "pod/"+name, "--timeout=60s")
	pod = netip.MustParseAddr(e.kubectl(t, "get", "pod", name, "-o", "jsonpath={.status.podIP}"))
	ip := netip.MustParseAddr(e.kubectl(t, "get", "service", name, "-o", "jsonpath={.spec.clusterIP}"))
	return pod, netip.AddrPortFrom(ip, 80)
}

// deletePod deletes a pod without waiting for its end.
func (e env) deletePod(t *testing.T, name string) {
	t.Helper()
	if err := e.client.CoreV1().Pods("default").Delete(t.Context(), name, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
}

func (e env) node(t *testing.T, name string) *cluster.Node {
	t.Helper()
	node, err := e.Node(name)
	if err != nil {
		t.Fatal(err)
	}
	return node
}

// routes says whether the node's rules send to the pod.
func (e env) routes(t *testing.T, node string, pod netip.Addr) bool {
	t.Helper()
	routes, err := e.RoutesTo(t.Context(), node, pod)
	if err != nil {
		t.Fatal(err)
	}
	return routes
}

// eventually fails the test if check does not become true within limit, and returns how long it took.
func eventually(t *testing.T, limit time.Duration, what string, check func() bool) time.Duration {
	t.Helper()
	begin := time.Now()
	for !check() {
		if time.Since(begin) > limit {
			t.Fatalf("waited %v for %s", limit, what)
		}
		time.Sleep(20 * time.Millisecond)
	}
	return time.Since(begin)
}
