package routers

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/lameduck-dev/lameduck/controller/peers"
	"github.com/lameduck-dev/lameduck/graceful/termination"
	"github.com/lameduck-dev/lameduck/router"
	"github.com/lameduck-dev/lameduck/router/envoy"
)

// mark is the annotation in which Mark leaves where a router's API is. What the pod's author wrote there
// is overwritten.
const mark = "peer.lameduck.dev/router"

// Mark notes in slim, a cache's copy of a pod, where the API of the router is that runs in the pod.
func Mark(slim, pod *corev1.Pod) {
	delete(slim.Annotations, mark)
	api, found := find(pod)
	if !found {
		return
	}
	if slim.Annotations == nil {
		slim.Annotations = map[string]string{}
	}
	slim.Annotations[mark] = api.String()
}

// Marked reports whether a router that can be asked runs in a pod which was marked.
func Marked(slim *corev1.Pod) bool { return slim.Annotations[mark] != "" }

// find finds the API of the router that runs in a pod, if it is the only program there that chooses pods; its
// annotation decides if it has one. A pod on the host's network has no address of its own.
func find(pod *corev1.Pod) (router.API, bool) {
	api, found := claimed(pod)
	return api, found && !pod.Spec.HostNetwork && alone(pod, api.Kind)
}

// alone reports whether nothing but the router of that kind in the pod chooses the pods that it sends to. What one
// program has forgotten, another may still send to: a mesh's proxy chooses for the router beside it.
func alone(pod *corev1.Pod, kind string) bool {
	own, others := 0, 0
	for _, c := range running(pod) {
		switch proxy := peers.IsProxy(c); {
		case router.Runs(&c, kind), proxy && kind == envoy.Name: // Envoy has many names
			own++
		case proxy, isRouter(c):
			others++
		}
	}
	return own <= 1 && others == 0 && !peers.Ambient(pod)
}

func isRouter(c corev1.Container) bool {
	for name := range kinds {
		if router.Runs(&c, name) {
			return true
		}
	}
	return false
}

// running are a pod's containers, without those that end before it begins.
func running(pod *corev1.Pod) []corev1.Container {
	all := slices.Clone(pod.Spec.Containers)
	for _, c := range pod.Spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, c)
		}
	}
	return all
}

// claimed is the API that a pod's annotation tells of, or its containers show.
func claimed(pod *corev1.Pod) (router.API, bool) {
	if text, told := pod.Annotations[router.Annotation]; told {
		api, err := router.ParseAPI(text)
		return api, err == nil && kinds[api.Kind] != nil
	}
	for _, kind := range kinds {
		if api, found := kind.Find(pod); found {
			return api, true
		}
	}
	return router.API{}, false
}

// seen is a router's pod.
type seen struct {
	group
	pod       string
	created   int64
	api       router.API
	addresses []netip.Addr
	since     time.Time // it is ready, or not ready
	line      *line
}

// HasSpread reports whether a pod has been ready, or not ready, for as long as routers may be late: they have
// heard of it then, and a router itself has heard of the pods.
func HasSpread(pod *corev1.Pod) bool { return spread(readySince(pod)) }

func spread(since time.Time) bool { return time.Since(since) >= termination.CarefulSleep }

func readySince(pod *corev1.Pod) time.Time {
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady {
			return condition.LastTransitionTime.Time
		}
	}
	return pod.CreationTimestamp.Time
}

func (s *seen) name() string { return s.namespace + "/" + s.pod }

// group are the replicas of a router.
type group struct{ namespace, account, kind string }

// maxRouters bounds how many are known: a pod of any kind can say that it is one.
const maxRouters = 2000

// index holds the routers by their groups and addresses.
type index struct {
	mu     sync.Mutex
	pods   map[types.UID]*seen
	at     map[netip.Addr]*seen
	groups [][]*seen // the oldest first, in each and of all; nil: to be sorted anew
}

// Set takes in a pod that was marked, as it now is.
func (x *index) Set(pod *corev1.Pod) {
	one := read(pod)
	x.mu.Lock()
	defer x.mu.Unlock()
	before := x.pods[pod.UID]
	switch {
	case one == nil:
		x.drop(pod.UID)
		return
	case before != nil && before.api == one.api && before.since.Equal(one.since) && slices.Equal(before.addresses, one.addresses):
		return
	case before != nil:
		one.line = before.line
	case len(x.pods) == maxRouters:
		return
	}
	x.drop(pod.UID)
	if x.pods == nil {
		x.pods, x.at = map[types.UID]*seen{}, map[netip.Addr]*seen{}
	}
	x.pods[pod.UID], x.groups = one, nil
	for _, address := range one.addresses {
		x.at[address] = one
	}
}

// read gives the router that runs in a pod which was marked; nil if there is none that can be called.
func read(pod *corev1.Pod) *seen {
	api, err := router.ParseAPI(pod.Annotations[mark])
	if err != nil || pod.Spec.HostNetwork || pod.Status.Phase != corev1.PodRunning {
		return nil
	}
	var addresses []netip.Addr
	for _, ip := range pod.Status.PodIPs {
		if address, err := netip.ParseAddr(ip.IP); err == nil && address.IsGlobalUnicast() {
			addresses = append(addresses, address.Unmap())
		}
	}
	if len(addresses) == 0 {
		return nil
	}
	account := cmp.Or(pod.Spec.ServiceAccountName, "default")
	return &seen{group{pod.Namespace, account, api.Kind}, pod.Name, pod.CreationTimestamp.Unix(), api, addresses, readySince(pod), &line{}}
}

// Drop takes in that a pod is gone.
func (x *index) Drop(pod *corev1.Pod) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.drop(pod.UID)
}

func (x *index) drop(uid types.UID) {
	one := x.pods[uid]
	if one == nil {
		return
	}
	delete(x.pods, uid)
	x.groups = nil
	for _, address := range one.addresses {
		if x.at[address] == one {
			delete(x.at, address)
		}
	}
}

// sorted gives the groups; mu is held.
func (x *index) sorted() [][]*seen {
	if x.groups != nil {
		return x.groups
	}
	members := map[group][]*seen{}
	for _, one := range x.pods {
		members[one.group] = append(members[one.group], one)
	}
	older := func(a, b *seen) int {
		return cmp.Or(cmp.Compare(a.created, b.created), cmp.Compare(a.name(), b.name()))
	}
	x.groups = [][]*seen{}
	for _, all := range members {
		slices.SortFunc(all, older)
		x.groups = append(x.groups, all)
	}
	slices.SortFunc(x.groups, func(a, b []*seen) int { return older(a[0], b[0]) })
	return x.groups
}

// candidates gives the routers among the peers, their replicas, and the groups of the others.
func (x *index) candidates(peers []netip.Addr) (sending, replicas []*seen, others [][]*seen) {
	x.mu.Lock()
	defer x.mu.Unlock()
	sends, groups := map[*seen]bool{}, map[group]bool{}
	for _, peer := range peers {
		if one := x.at[peer.Unmap()]; one != nil {
			sends[one], groups[one.group] = true, true
		}
	}
	for _, members := range x.sorted() {
		if !groups[members[0].group] {
			others = append(others, members)
			continue
		}
		for _, one := range members {
			if sends[one] {
				sending = append(sending, one)
			} else {
				replicas = append(replicas, one)
			}
		}
	}
	return sending, replicas, others
}

// maxGroups bounds how many groups' rights are looked up for one pod.
const maxGroups = 32

// choose gives the routers that may know a pod's address, no more than maxAsked: those that send to it,
// then their replicas, then those whose ServiceAccounts may read it, the oldest first: nobody can crowd
// out routers by new ones.
func (a *Asker) choose(ctx context.Context, pod Pod) []*seen {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	sending, replicas, others := a.candidates(pod.Peers)
	chosen := slices.Concat(sending, replicas)
	for _, members := range others[:min(len(others), maxGroups)] {
		if len(chosen) >= maxAsked {
			break
		}
		one := members[0]
		if may, ok := a.rights.MayRead(ctx, one.namespace, one.account, pod.Namespace); ok && may {
			chosen = append(chosen, members...)
		}
	}
	return chosen[:min(len(chosen), maxAsked)]
}
