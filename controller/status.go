package controller

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"maps"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/lameduck-dev/lameduck/barrier"
	"github.com/lameduck-dev/lameduck/controller/census"
	"github.com/lameduck-dev/lameduck/controller/certs"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// StatusPath is where a replica serves its Status, beside its metrics, to the pod's own loopback
// alone: by port-forward, that is. It names nodes and pods of all tenants.
const StatusPath = "/status"

// Status is what a replica knows that the API does not. Only the leader has more than the first
// three fields.
type Status struct {
	Pod        string          `json:"pod"`
	AgentImage string          `json:"agentImage"`
	CAExpires  time.Time       `json:"caExpires,omitzero"` // of the CA that it has mounted
	Leading    bool            `json:"leading"`
	LeaseHeld  bool            `json:"leaseHeld,omitempty"` // false: it can't renew it, and keeps leading until another replica does
	Since      time.Time       `json:"since,omitzero"`
	Barrier    []BarrierStatus `json:"barrier,omitempty"`
	LeftOut    []LeftOut       `json:"leftOut,omitempty"`
	Proxy      ProxyMode       `json:"proxy"`
	Heard      int             `json:"agentsHeard"`
	Unheard    int             `json:"agentsUnheard"` // pods that stopped without their agent having asked
	Last       []Unheard       `json:"lastUnheard,omitempty"`
}

// BarrierStatus is the barrier of one address family.
type BarrierStatus struct {
	Family   corev1.IPFamily     `json:"family"`
	Services []string            `json:"services"`          // in use
	Problem  string              `json:"problem,omitempty"` // why it has none
	Nodes    []barrier.NodeState `json:"nodes"`
}

// LeftOut is a node that the barrier does not ask.
type LeftOut struct {
	Node string `json:"node"`
	Why  string `json:"why"`
}

// status gives the present state.
func (l *leader) status() Status {
	s := Status{Pod: l.options.Pod.Name, AgentImage: l.options.AgentImage, CAExpires: caExpires(l.options.Keys)}
	now := l.now()
	if now == nil {
		return s
	}
	s.Leading, s.LeaseHeld, s.Since = true, now.holds().Err() == nil, now.since
	s.Barrier, s.LeftOut = now.barriers.status()
	s.Proxy = now.barriers.proxyMode()
	s.Heard, s.Unheard = l.metrics.heardCounts()
	s.Last = l.pods.heard.unheard()
	return s
}

func (b *barriers) status() (families []BarrierStatus, left []LeftOut) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, family := range slices.Sorted(maps.Keys(b.all)) {
		status := BarrierStatus{Family: family}
		var problem error
		if status.Services, status.Nodes, problem = b.all[family].State(); problem != nil {
			status.Problem = problem.Error()
		}
		families = append(families, status)
	}
	for _, node := range b.nodes {
		if why := barrier.Left(node); why != "" {
			left = append(left, LeftOut{node.Name, why})
		}
	}
	slices.SortFunc(left, func(a, b LeftOut) int { return strings.Compare(a.Node, b.Node) })
	return families, left
}

func (l *leader) serveStatus(w http.ResponseWriter, r *http.Request) {
	if from, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || !from.Addr().Unmap().IsLoopback() {
		http.Error(w, "only by kubectl port-forward", http.StatusForbidden)
		return
	}
	text, err := json.Marshal(l.status())
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	if _, err := w.Write(text); err != nil {
		l.options.Log.Debug("status: writing the answer", "error", err)
	}
}

// caExpires is when the CA in dir ends; zero if it can't be read.
func caExpires(dir string) time.Time {
	text, err := os.ReadFile(filepath.Join(dir, certs.CAFile))
	if err != nil {
		return time.Time{}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return time.Time{}
	}
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return time.Time{}
	}
	return ca.NotAfter
}

// countEvery is how often the pods are counted for the metrics.
const countEvery = 30 * time.Second

// countPods counts the pods until ctx is done.
func (l *leader) countPods(ctx context.Context) {
	for {
		if counted, err := l.census(ctx); err == nil {
			l.metrics.counted(counted)
		} else if ctx.Err() == nil {
			l.options.Log.Warn("status: counting pods", "error", err)
		}
		select {
		case <-ctx.Done():
			l.metrics.counted(census.Census{})
			return
		case <-time.After(countEvery):
		}
	}
}

// census counts the pods of the caches, which it does not copy.
func (l *leader) census(ctx context.Context) (census.Census, error) {
	var namespaces corev1.NamespaceList
	var policies v1alpha1.DrainPolicyList
	var pods corev1.PodList
	for _, list := range []client.ObjectList{&namespaces, &policies, &pods} {
		if err := l.cache.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
			return census.Census{}, err
		}
	}
	counter := census.NewCounter(l.options.AgentImage, namespaces.Items, policies.Items)
	for i := range pods.Items {
		counter.Add(&pods.Items[i])
	}
	return counter.Census(), nil
}
