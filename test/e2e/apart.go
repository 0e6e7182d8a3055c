package e2e

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// All pods of a Service leave, a second apart. The first are out and confirmed while the last is
// still ready; then the last leaves too, and kube-proxy falls back to all of them. Each answer must
// say what holds at that moment. Five hubs are asked: the installed one, one whose watch is behind, one
// whose watch stalls after each confirmation, and of both a second that does not check how far its
// watch is.
const (
	apartRounds = 6
	apartPods   = 3
	apartGap    = time.Second
	apartFor    = 9 * time.Second // how long the pods are asked about, from the first deletion
	apartEvery  = 250 * time.Millisecond
	apartBehind = 3 * time.Second
	apartLatest = 4 * time.Second // of an agent's first call, after its pod's deletion
	apartStall  = 3 * time.Second // the shortest; the longest is three times that
	// apartRecent is how old what an answer rests on may be: decision 0011, "What remains".
	apartRecent = 2 * time.Second
)

// answers counts what one hub answered, and how often it was wrong.
type answers struct {
	name       string
	asked      int
	confirmed  int
	recent     int      // wrong, by what a watch that has since stalled brought apartRecent ago at the most
	violations []string // confirmed, while a node's rules sent to the pod before and after
}

// Apart is what five hubs answered while pods left a second apart.
type Apart struct {
	env    *Env
	hubs   []*hubClient
	own    map[*hubClient]*ownHub // those that run in this process
	random *rand.Rand

	mu      sync.Mutex
	answers []answers // by hub
	// stale are the pods that a remembered "confirmed" would have called out while a node's rules
	// sent to them: the control for judging each answer when it is given.
	stale map[string]bool
}

// CheckApart has all pods of a Service leave a second apart, in several rounds, and reads every node's
// rules before and after each answer.
func (e *Env) CheckApart(ctx context.Context, rounds int, seed uint64) (_ *Apart, err error) {
	e.say("property: all pods leave a second apart, %d rounds, seed %d", rounds, seed)
	installed, err := newHubClient(ctx, e.Client)
	if err != nil {
		return nil, err
	}
	r := &Apart{env: e, hubs: []*hubClient{installed}, random: rand.New(rand.NewPCG(seed, 2<<32)), stale: map[string]bool{}, own: map[*hubClient]*ownHub{}}
	forAWhile := func() time.Duration { return apartStall + rand.N(2*apartStall) }
	r.answers = []answers{{name: "installed"}}
	for _, own := range []struct {
		name, namespace string
		lateness
	}{
		{"behind", "zzzz-property-late", lateness{always: apartBehind}},
		{"behind and credulous", "zzzz-property-late-naive", lateness{always: apartBehind, credulous: true}},
		{"stalled", "zzzz-property-stalled", lateness{stalls: forAWhile}},
		{"stalled and credulous", "zzzz-property-stalled-naive", lateness{stalls: forAWhile, credulous: true}},
	} {
		r.answers = append(r.answers, answers{name: own.name})
		h, err := e.startHub(ctx, own.namespace, own.lateness)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, h.end(context.WithoutCancel(ctx))) }()
		r.hubs, r.own[h.hubClient] = append(r.hubs, h.hubClient), h
	}
	namespace := propertyNamespaces[0]
	if err := ensureNamespace(ctx, e.Client, namespace); err != nil {
		return nil, fmt.Errorf("preparing the property: %w", err)
	}
	app := App{Namespace: namespace, Name: "apart", Protection: Sleep35}
	services := e.Client.CoreV1().Services(namespace)
	if _, err := services.Create(ctx, app.service(), metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("preparing the property: %w", err)
	}
	defer func() {
		err = errors.Join(err, services.Delete(context.WithoutCancel(ctx), app.Name, metav1.DeleteOptions{}))
	}()
	for i := range rounds {
		if err := r.round(ctx, app, i); err != nil {
			return nil, fmt.Errorf("round %d: %w", i, err)
		}
		e.say("property: round %d of %d: %s", i+1, rounds, r.line())
	}
	return r, nil
}

func (r *Apart) line() string {
	text := fmt.Sprintf("an answer kept: %d violations", len(r.stale))
	for _, a := range r.answers {
		text += fmt.Sprintf("; %s: %d asked, %d confirmed, %d violations", a.name, a.asked, a.confirmed, len(a.violations))
		if a.recent > 0 {
			text += fmt.Sprintf(" (and %d by a watch stalled for less than %v)", a.recent, apartRecent)
		}
	}
	return text
}

// round has pods leave that no controller owns, so that nobody replaces them.
func (r *Apart) round(ctx context.Context, app App, number int) (err error) {
	all := r.env.Client.CoreV1().Pods(app.Namespace)
	defer func() {
		left := all.DeleteCollection(context.WithoutCancel(ctx), metav1.DeleteOptions{GracePeriodSeconds: ptr.To[int64](0)}, metav1.ListOptions{LabelSelector: app.Selector()})
		err = errors.Join(err, left)
	}()
	template := app.deployment().Spec.Template
	for i := range apartPods {
		pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
		pod.Namespace, pod.Name = app.Namespace, fmt.Sprintf("apart-%d-%d", number, i)
		if _, err := all.Create(ctx, pod, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	if err := await(ctx, "the pods to be offered", func(ctx context.Context) (string, error) { return r.lacks(ctx, app) }); err != nil {
		return err
	}
	list, err := all.List(ctx, metav1.ListOptions{LabelSelector: app.Selector()})
	if err != nil {
		return err
	}
	began := time.Now()
	errs := make([]error, len(list.Items))
	var agents sync.WaitGroup
	for i := range list.Items {
		leaves := began.Add(time.Duration(i) * apartGap)
		first := leaves // the first pod's agent asks at once; the others may be late
		if i > 0 {
			first = leaves.Add(time.Duration(r.random.Int64N(int64(apartLatest))))
		}
		agents.Go(func() { errs[i] = r.leave(ctx, &list.Items[i], leaves, first, began.Add(apartFor)) })
	}
	agents.Wait()
	return errors.Join(errs...)
}

// lacks says what is missing until all pods are offered.
func (r *Apart) lacks(ctx context.Context, app App) (string, error) {
	list, err := r.env.Client.DiscoveryV1().EndpointSlices(app.Namespace).List(ctx, metav1.ListOptions{LabelSelector: discoveryv1.LabelServiceName + "=" + app.Name})
	if err != nil {
		return "", err
	}
	offered := 0
	for _, slice := range list.Items {
		for _, endpoint := range slice.Endpoints {
			if ptr.Deref(endpoint.Conditions.Ready, false) {
				offered++
			}
		}
	}
	if offered != apartPods {
		return fmt.Sprintf("%d of %d", offered, apartPods), nil
	}
	return "", nil
}

// leave deletes the pod and asks about it, from the first call until the end.
func (r *Apart) leave(ctx context.Context, pod *corev1.Pod, leaves, first, end time.Time) error {
	ip, err := netip.ParseAddr(pod.Status.PodIP)
	if err != nil {
		return err
	}
	token, err := r.hubs[0].token(ctx, pod)
	if err != nil {
		return err
	}
	time.Sleep(time.Until(leaves))
	if err := r.env.Client.CoreV1().Pods(pod.Namespace).Delete(ctx, pod.Name, metav1.DeleteOptions{}); err != nil {
		return err
	}
	time.Sleep(time.Until(first))
	told := false // that the pod is confirmed, by the installed hub
	for time.Now().Before(end) && ctx.Err() == nil {
		confirmed, sending, err := r.look(ctx, pod, ip, token)
		if err != nil {
			return err
		}
		r.mu.Lock()
		if told && sending {
			r.stale[pod.Name] = true
		}
		r.mu.Unlock()
		told = told || confirmed
		time.Sleep(apartEvery)
	}
	return ctx.Err()
}

// look asks every hub, without waiting, between two reads of the rules. A node whose rules send in both
// reads was sending when the answers were given.
func (r *Apart) look(ctx context.Context, pod *corev1.Pod, ip netip.Addr, token string) (confirmed, sending bool, err error) {
	before, err := r.env.senders(ctx, ip)
	if err != nil {
		return false, false, err
	}
	confirms, recent := make([]bool, len(r.hubs)), make([]bool, len(r.hubs))
	var asking errgroup.Group // a hub whose view is not recent takes a second to say so
	for i, hub := range r.hubs {
		asking.Go(func() error {
			stalled := r.own[hub].stalledFor()
			answer, err := hub.ask(ctx, token, 0)
			confirms[i] = answer.Confirmed
			recent[i] = stalled <= apartRecent && r.own[hub].stalledFor() > 0
			return err
		})
	}
	if err := asking.Wait(); err != nil {
		return false, false, err
	}
	after, err := r.env.senders(ctx, ip)
	if err != nil {
		return false, false, err
	}
	still := slices.DeleteFunc(before, func(node string) bool { return !slices.Contains(after, node) })
	r.mu.Lock()
	defer r.mu.Unlock()
	for i, confirmed := range confirms {
		a := &r.answers[i]
		if a.asked++; confirmed {
			a.confirmed++
		}
		switch {
		case !confirmed || len(still) == 0:
		case recent[i]:
			a.recent++
		default:
			a.violations = append(a.violations, fmt.Sprintf("%s at %s: the hub (%s) confirmed, but %v still send to it", pod.Name, ip, a.name, still))
		}
	}
	return confirms[0], len(still) > 0, nil
}

// outcomes counts answers as requests, and violations as losses.
func (r *Apart) outcomes(name string) []Outcome {
	installed, behind, credulous, stalled, stalledCredulous := r.answers[0], r.answers[1], r.answers[2], r.answers[3], r.answers[4]
	return []Outcome{{
		Name: join(name, "apart"), Requests: uint64(installed.asked), Lost: uint64(len(installed.violations)), Faults: installed.violations,
		Control: "answer kept", ControlLost: uint64(len(r.stale)),
	}, {
		Name: join(name, "behind"), Requests: uint64(behind.asked), Lost: uint64(len(behind.violations)), Faults: behind.violations,
		Control: "view not asked", ControlLost: uint64(len(credulous.violations)),
	}, {
		Name: join(name, "stalled"), Requests: uint64(stalled.asked), Lost: uint64(len(stalled.violations)), Faults: stalled.violations,
		Control: "view not asked", ControlLost: uint64(len(stalledCredulous.violations)),
	}}
}
