package e2e

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
)

// Trial is one application under load while something stops its pods.
type Trial struct {
	Protection Protection
	Replicas   int32
	Rate       float64 // requests a second, all lanes together
	Action     string  // in verify's words; APP stands for the application's name
	// Before runs when the load is up and the action is about to begin; undo, unless nil, runs at
	// the end.
	Before func(ctx context.Context, e *Env) (undo func() error, err error)
	// Stream is how long each answer streams, to clients that open a connection per request, from an
	// application that cuts its streams soon after SIGTERM. Zero: answers are short.
	Stream time.Duration
	Asked  bool   // the router is asked, and each pod has to leave soon after its word
	Lanes  bool   // all lanes but the three of the other proofs
	Routes bool   // watch the nodes' rules, to know when the last router stopped
	Router Router // between the load and the application; nil: its Service alone
	// OwnPods does the action to the pods of the router, a traefik: they have the protection then, and
	// the application's none.
	OwnPods bool
}

// workTime is how long a request takes: long enough that each pod always has some in flight.
const workTime = 50 * time.Millisecond

// patience is the timeout of a request: long enough that a merely slow machine loses nothing,
// and shorter than a connection hangs.
const patience = 15 * time.Second

// cutAfter is how long an application waits for streams, which may never end.
const cutAfter = 500 * time.Millisecond

// load is what the trial sends to the URL.
func (t Trial) load(url string) verify.Options {
	load := verify.Options{URL: url, Rate: t.Rate, Conns: conns, Timeout: patience}
	if t.Stream > 0 {
		load.URL = fmt.Sprintf("%s/?stream=%d", url, t.Stream.Milliseconds())
		load.Lanes = []string{verify.LaneFresh}
		load.Timeout += t.Stream
	}
	if t.Lanes {
		calls := fmt.Sprintf("=%s:%d/grpc.health.v1.Health/", url, grpcServicePort)
		load.Lanes = []string{
			verify.LaneH2, verify.LaneGRPC + calls + "Check", verify.LaneGRPCStream + calls + "Watch",
			verify.LaneWS + "=/ws", verify.LaneSSE + "=/events", verify.LaneDownload + "=/download",
		}
		load.WSMessage = "hello"
	}
	return load
}

// Seen is what a trial showed.
type Seen struct {
	*report.Verify
	Hook   []time.Duration // per pod: deletion to SIGTERM
	Beyond []time.Duration // per pod: last router stopped to SIGTERM
	Where  []Where         // per pod with an agent
	Word   []time.Duration // per pod: its router's word, or a later request, to the end of the agent's wait
	Faults []string
}

var trials atomic.Int64

// app returns the trial's application, under a new name, and the words of the action on it.
func (t Trial) app(namespace string) (App, string) {
	name := fmt.Sprintf("app%d", trials.Add(1))
	app := App{Namespace: namespace, Name: name, Replicas: t.Replicas, Protection: t.Protection, Work: workTime}
	if t.OwnPods {
		app.Protection, name = Bare, routerName(app)
	}
	_, app.Headless = t.Router.(resolver)
	app.GRPC = t.Lanes
	if b, outside := t.Router.(*outsideBalancer); outside {
		app.Asks = b.annotations()
	}
	if t.Stream > 0 {
		app.StopTimeout = cutAfter
	}
	return app, strings.ReplaceAll(t.Action, "APP", name)
}

// Run deploys the trial's application, loads it from a pod on the first node, does the action, and
// removes the application.
func (e *Env) Run(ctx context.Context, t Trial) (_ *Seen, err error) {
	app, words := t.app(Namespace)
	e.say("%s under load: %s, %d replicas", t.Protection, words, t.Replicas)
	url, err := app.Deploy(ctx, e.Client)
	if err != nil {
		return nil, err
	}
	defer func() {
		if rmErr := app.Remove(context.WithoutCancel(ctx), e.Client); err == nil {
			err = rmErr
		}
	}()
	target := app
	if t.OwnPods {
		router := t.Router.(traefik)
		router.injected = t.Protection == Lameduck
		t.Router, target = router, App{Namespace: routerNamespace, Name: routerName(app)}
	}
	if t.Router != nil {
		if url, err = t.Router.deploy(ctx, e, app); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, t.Router.remove(context.WithoutCancel(ctx), e, app)) }()
	}
	actor := &action.Actor{Client: e.Client, Namespace: target.Namespace}
	act, err := actor.Parse(strings.Fields(words))
	if err != nil {
		return nil, err
	}
	watchCtx, stopWatch := context.WithCancel(ctx)
	defer stopWatch()
	var routes *routeWatch
	if t.Routes {
		routes = watchRoutes(watchCtx, e, e.Client, target)
	}
	load := t.load(url)
	load.Dial, load.ActionName = e.dial, act.Name
	load.Action = func(ctx context.Context) (err error) {
		if t.Before != nil {
			undo, beforeErr := t.Before(ctx, e)
			if beforeErr != nil {
				return beforeErr
			}
			if undo != nil {
				defer func() { err = errors.Join(err, undo()) }()
			}
		}
		return act.Do(ctx)
	}
	load.Cluster = &verify.Cluster{Client: e.Client, Namespace: target.Namespace, Selector: target.Selector()}
	result, err := verify.Run(ctx, load)
	if err != nil {
		return nil, err
	}
	if t.OwnPods {
		result.Ledger = nil // it was looked for in the router's pods
	}
	if t.Protection == Lameduck {
		e.sayLosses(result)
	}
	seen := judge(result, routes)
	if t.Asked && t.Protection == Lameduck {
		seen.judgeWords()
	}
	return seen, nil
}

// sayLosses prints the first losses, and what the agents of their pods wrote: a proof that fails has
// to show where to look.
func (e *Env) sayLosses(result *report.Verify) {
	const most = 8
	for _, loss := range result.Losses[:min(len(result.Losses), most)] {
		e.say("lost: %s %s, %s of %v (%s), due %s, seen %s: %s", loss.Lane, loss.Kind, loss.Phase, loss.Pods, loss.Confidence,
			loss.Intended.Format("05.000"), loss.Seen.Format("05.000"), loss.Detail)
	}
	for _, pod := range result.Pods {
		if len(result.Losses) > 0 && pod.Losses > 0 {
			for _, step := range pod.Steps {
				e.say("%s: %s at %s", pod.Pod.Name, step.Phase, step.Time.Format("05.000"))
			}
			e.say("%s: %s", pod.Pod.Name, pod.HookLog)
		}
	}
}

// judge checks in the result what a termination has to respect besides its requests.
func judge(result *report.Verify, routes *routeWatch) *Seen {
	seen := &Seen{Verify: result}
	fault := func(format string, args ...any) { seen.Faults = append(seen.Faults, fmt.Sprintf(format, args...)) }
	if result.Action.Failure != "" {
		fault("%s: %s", result.Action.Name, result.Action.Failure)
	}
	if l := result.Ledger; l != nil && (l.AppliedTwice > 0 || l.OKNotApplied > 0) {
		fault("the ledger has %d requests applied twice, and %d answered but not applied", l.AppliedTwice, l.OKNotApplied)
	}
	if len(result.Pods) == 0 {
		fault("no pod left during the run")
	}
	for _, pod := range result.Pods {
		if pod.Killed {
			fault("pod %s was killed", pod.Pod.Name)
		}
		if over := overrun(pod); over > 0 {
			fault("pod %s outlived its grace period of %d s by %s", pod.Pod.Name, pod.GraceSeconds, over)
		}
		if where, ok := whereOf(pod); ok {
			seen.Where = append(seen.Where, where)
		}
		if pod.Sigterm == nil || pod.DeletionSeen.IsZero() {
			continue
		}
		seen.Hook = append(seen.Hook, pod.Sigterm.Time.Sub(pod.DeletionSeen))
		if routes != nil {
			if last, ok := routes.lastRouted(pod.Pod.Name); ok {
				seen.Beyond = append(seen.Beyond, pod.Sigterm.Time.Sub(last))
			}
		}
	}
	if routes != nil {
		if err := routes.fault(); err != nil {
			fault("reading the nodes' rules: %v", err)
		}
	}
	return seen
}

// overrun is by how much the pod's last container outlived the grace period. The kubelet may
// take 2 s more after a long preStop, and its times are in whole seconds.
func overrun(pod report.PodLine) time.Duration {
	const kubelet = 3 * time.Second
	if pod.DeletionTimestamp.IsZero() {
		return 0
	}
	var over time.Duration
	for _, exit := range pod.Exits {
		over = max(over, exit.Time.Sub(pod.DeletionTimestamp)-kubelet)
	}
	return over
}
