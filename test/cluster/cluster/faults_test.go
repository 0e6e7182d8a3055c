//go:build cluster

package cluster_test

import (
	"context"
	"net/netip"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// syncLimit is more than a healthy kube-proxy takes to program a change: its minSyncPeriod is 1 s.
const syncLimit = 5 * time.Second

// TestFaults checks that each fault has its effect, in both proxy modes, and that it ends when told to.
func TestFaults(t *testing.T) {
	for _, proxy := range []string{cluster.NFTables, cluster.IPTables} {
		t.Run(proxy, func(t *testing.T) {
			e := start(t, cluster.Options{Name: "test-" + proxy, Nodes: 2, Proxy: proxy, NoDNS: true})
			t.Run("rules follow", e.testRulesFollow)
			t.Run("proxy paused", e.testProxyPaused)
			t.Run("proxy restarted", e.testProxyRestarted)
			t.Run("watch delayed", e.testWatchDelayed)
			t.Run("watch cut", e.testWatchCut)
			t.Run("relist", e.testRelist)
			t.Run("node cut off", e.testNodeCut)
			if proxy == cluster.IPTables {
				return // the rest is the same in both modes
			}
			t.Run("kubelet stopped", e.testKubeletStopped)
			t.Run("API server paused", e.testAPIServerPaused)
			t.Run("etcd paused", e.testEtcdPaused)
			t.Run("control plane restarted", e.testRestarts)
		})
	}
}

// deleteDuring serves a pod on node1 until all nodes route to it, disturbs, deletes the pod, and returns its address.
func (e env) deleteDuring(t *testing.T, name string, disturb func() error) netip.Addr {
	t.Helper()
	pod, _ := e.serve(t, name, "node1")
	for _, node := range []string{"node1", "node2"} {
		eventually(t, syncLimit, node+" to send to the pod", func() bool { return e.routes(t, node, pod) })
	}
	if err := disturb(); err != nil {
		t.Fatal(err)
	}
	e.deletePod(t, name)
	return pod
}

func (e env) mustStopSending(t *testing.T, node string, pod netip.Addr) {
	t.Helper()
	took := eventually(t, syncLimit, node+" to stop sending to the pod", func() bool { return !e.routes(t, node, pod) })
	t.Logf("%s stopped sending after %v", node, took.Round(time.Millisecond))
}

// mustKeepSending fails the test if the node stops sending to the pod within the time.
func (e env) mustKeepSending(t *testing.T, node string, pod netip.Addr, during time.Duration) {
	t.Helper()
	for end := time.Now().Add(during); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		if !e.routes(t, node, pod) {
			t.Fatalf("%s stopped sending to the pod in spite of the fault", node)
		}
	}
}

func (e env) testRulesFollow(t *testing.T) {
	pod := e.deleteDuring(t, "follow", func() error { return nil })
	e.mustStopSending(t, "node1", pod)
	e.mustStopSending(t, "node2", pod)
	begin := time.Now()
	const rounds = 20
	for range rounds {
		e.routes(t, "node1", pod)
	}
	t.Logf("RoutesTo takes %v", (time.Since(begin) / rounds).Round(10*time.Microsecond))
}

func (e env) testProxyPaused(t *testing.T) {
	proxy := e.node(t, "node2").KubeProxy
	pod := e.deleteDuring(t, "paused", proxy.Pause)
	e.mustStopSending(t, "node1", pod)
	if got := proxy.State(); got != "paused" {
		t.Errorf("the paused kube-proxy is %s", got)
	}
	e.mustKeepSending(t, "node2", pod, 2*time.Second)
	if err := proxy.Resume(); err != nil {
		t.Fatal(err)
	}
	e.mustStopSending(t, "node2", pod)
}

func (e env) testProxyRestarted(t *testing.T) {
	proxy := e.node(t, "node2").KubeProxy
	before, err := proxy.PID()
	if err != nil {
		t.Fatal(err)
	}
	pod := e.deleteDuring(t, "restarted", func() error { return proxy.Stop(t.Context()) })
	e.mustStopSending(t, "node1", pod)
	e.mustKeepSending(t, "node2", pod, time.Second)
	if err := proxy.Start(); err != nil {
		t.Fatal(err)
	}
	e.mustStopSending(t, "node2", pod)
	if after, err := proxy.PID(); err != nil || after == before {
		t.Errorf("the restarted kube-proxy is process %d, was %d: %v", after, before, err)
	}
	if err := proxy.Start(); err == nil {
		t.Error("a running kube-proxy was started again")
	}
}

func (e env) testWatchDelayed(t *testing.T) {
	const delay = 3 * time.Second
	node := e.node(t, "node2")
	pod := e.deleteDuring(t, "delayed", func() error { return node.DelayEndpointSlices(t.Context(), delay) })
	e.mustStopSending(t, "node1", pod)
	e.mustKeepSending(t, "node2", pod, delay/2)
	e.mustStopSending(t, "node2", pod)
	if err := node.DelayEndpointSlices(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	// A new Service's first slice comes over the same watch: without the delay it is there at once.
	e.mustStopSending(t, "node2", e.deleteDuring(t, "undelayed", func() error { return nil }))
}

func (e env) testWatchCut(t *testing.T) {
	node := e.node(t, "node2")
	pod := e.deleteDuring(t, "cut-watch", func() error { return node.CutWatch(t.Context()) })
	e.mustStopSending(t, "node2", pod)
}

func (e env) testRelist(t *testing.T) {
	node := e.node(t, "node2")
	before := e.answersGone(t, node)
	pod := e.deleteDuring(t, "relist", func() error { return node.Relist(t.Context()) })
	e.mustStopSending(t, "node2", pod)
	if after := e.answersGone(t, node); after != before+1 {
		t.Errorf("kube-proxy was answered 410 Gone %d times, want once", after-before)
	}
}

// answersGone reads from kube-proxy's own metrics how often it was answered 410 Gone.
func (e env) answersGone(t *testing.T, node *cluster.Node) int {
	t.Helper()
	metrics, err := get(t.Context(), node, netip.MustParseAddrPort(node.Address().String()+":10249"), "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	sum := 0
	for _, match := range regexp.MustCompile(`(?m)^rest_client_requests_total{code="410".*} (\d+)$`).FindAllStringSubmatch(metrics, -1) {
		count, _ := strconv.Atoi(match[1])
		sum += count
	}
	return sum
}

func (e env) testNodeCut(t *testing.T) {
	node := e.node(t, "node2")
	pod := e.deleteDuring(t, "cut-node", func() error { return node.Cut(t.Context()) })
	e.mustStopSending(t, "node1", pod)
	e.mustKeepSending(t, "node2", pod, 2*time.Second)
	config, err := e.RESTConfig()
	if err != nil {
		t.Fatal(err)
	}
	apiServer := strings.TrimPrefix(config.Host, "https://")
	dial := func() error {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		conn, err := node.DialContext(ctx, "tcp", apiServer)
		if err == nil {
			conn.Close()
		}
		return err
	}
	if err := dial(); !os.IsTimeout(err) {
		t.Errorf("dialling the API server from a node that is cut: %v", err)
	}
	if err := node.Mend(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := dial(); err != nil {
		t.Errorf("dialling the API server from a node that is mended: %v", err)
	}
	eventually(t, 30*time.Second, "node2 to catch up", func() bool { return !e.routes(t, "node2", pod) })
	if err := node.Mend(t.Context()); err != nil {
		t.Errorf("mending a node that is not cut: %v", err)
	}
}

func (e env) testKubeletStopped(t *testing.T) {
	e.serve(t, "kubelet", "node2")
	kubelet := e.node(t, "node2").Kubelet
	if err := kubelet.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Kubectl(t.Context(), "exec", "kubelet", "--", "/probe", "say", "hello"); err == nil {
		t.Error("exec works without a kubelet")
	}
	if err := kubelet.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "exec by the new kubelet", func() bool {
		_, err := e.Kubectl(t.Context(), "exec", "kubelet", "--", "/probe", "say", "hello")
		return err == nil
	})
}

// write creates a ConfigMap, which needs the API server and etcd.
func (e env) write(t *testing.T) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	_, err := e.client.CoreV1().ConfigMaps("default").Create(ctx,
		&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{GenerateName: "written-"}}, metav1.CreateOptions{})
	return err
}

func (e env) testPaused(t *testing.T, process *cluster.Process) {
	if err := e.write(t); err != nil {
		t.Fatal(err)
	}
	if err := process.Pause(); err != nil {
		t.Fatal(err)
	}
	if err := e.write(t); err == nil {
		t.Error("a write succeeds")
	}
	if err := process.Resume(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "a write to succeed", func() bool { return e.write(t) == nil })
}

func (e env) testAPIServerPaused(t *testing.T) { e.testPaused(t, e.APIServer) }
func (e env) testEtcdPaused(t *testing.T)      { e.testPaused(t, e.Etcd) }

func (e env) testRestarts(t *testing.T) {
	for _, process := range []*cluster.Process{e.Etcd, e.APIServer} {
		if err := process.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.AwaitAPIServer(t.Context()); err != nil {
		t.Fatal(err)
	}
	// These exit if they find no API server when they start.
	for _, process := range []*cluster.Process{e.ControllerManager, e.Scheduler} {
		if err := process.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	pod, service := e.serve(t, "restarts", "node2")
	// A client that found no API server tries again after at most 30 s.
	took := eventually(t, 40*time.Second, "node1 to send to a new pod", func() bool { return e.routes(t, "node1", pod) })
	t.Logf("node1 sends to a new pod after %v", took.Round(time.Millisecond))
	if body, err := get(t.Context(), e.node(t, "node1"), service, "/"); err != nil || body != "restarts" {
		t.Errorf("the Service answers %q: %v", body, err)
	}
}
