package e2e

import (
	"context"
	"errors"
	"fmt"
	"path"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// Proof is one claim and the run that shows it.
type Proof struct {
	Name  string
	Proxy string // the kube-proxy mode that it needs
	Run   func(ctx context.Context, e *Env, name string) ([]Outcome, error)
}

// rate is in requests a second, all lanes together: low enough for a loaded machine with two cores,
// and high enough that a control loses. conns is how many connections each keep-alive lane
// rotates through: each is used twice a second, so that none is closed for idleness.
const (
	rate  = 90
	conns = 15
)

// Proofs lists every proof. Those of one proxy mode are next to each other, so that they can share
// a cluster.
func Proofs() []Proof {
	var all []Proof
	for _, proxy := range []string{cluster.NFTables, cluster.IPTables} {
		for _, stop := range stops {
			all = append(all, Proof{join(stop.name, proxy), proxy, against(Bare, spread(stop.trial))})
		}
		all = append(all, Proof{join("property", proxy), proxy, property})
		if proxy == cluster.NFTables {
			all = append(all,
				Proof{"stalled-proxy", proxy, against(Sleep10, stalled)},
				Proof{"leader-killed", proxy, against(Bare, leaderKilled)},
				Proof{"hub-absent", proxy, hubAbsent},
				Proof{"webhook-absent", proxy, webhookAbsent},
				Proof{"hostile", proxy, hostile},
				Proof{"cost", proxy, cost},
				Proof{"stream", proxy, streams},
				Proof{"lanes", proxy, against(Bare, spread(Trial{Replicas: 3, Rate: rate, Action: rollout, Lanes: true}))},
				Proof{"router/late-3s", proxy, against(Bare, behind(lateRouter{late: 3 * time.Second}))},
				Proof{"router/late-8s", proxy, against(Bare, behind(lateRouter{late: 8 * time.Second}))},
				Proof{"router/late-12s", proxy, against(Sleep10, behind(lateRouter{late: 12 * time.Second}))},
				Proof{"router/fresh-8s", proxy, against(Bare, seldom(behind(lateRouter{late: 8 * time.Second, fresh: true})))},
				Proof{"router/headless", proxy, against(Bare, behind(resolver{5 * time.Second}))},
				Proof{"router/outside-keep", proxy, againstBoth(behind(&outsideBalancer{late: 12 * time.Second, delay: 10 * time.Second}))},
				Proof{"router/outside-fresh", proxy, againstBoth(behind(&outsideBalancer{late: 18 * time.Second, fresh: true}))},
				Proof{"router/own-pods", proxy, against(Bare, ownPods)},
				Proof{"router/traefik", proxy, alone(behind(traefik{}))},
				Proof{"router/traefik-8s", proxy, against(Bare, behind(traefik{late: 8 * time.Second}))},
				Proof{"router/traefik-asked-8s", proxy, against(Bare, asked(behind(traefik{late: 8 * time.Second, asked: true})))},
				Proof{"router/traefik-12s", proxy, against(Sleep10, behind(traefik{late: 12 * time.Second}))},
			)
			for _, real := range []string{"nginx", "haproxy", "envoy"} {
				all = append(all,
					Proof{join("router", real), proxy, alone(behind(lateRouter{proxy: real}))},
					Proof{join("router", real+"-8s"), proxy, against(Bare, behind(lateRouter{late: 8 * time.Second, proxy: real}))},
				)
			}
			for _, real := range []string{"envoy", "haproxy"} {
				all = append(all, Proof{join("router", real+"-asked-8s"), proxy, against(Bare, asked(behind(lateRouter{late: 8 * time.Second, proxy: real, asked: true})))})
			}
			for _, s := range stacks {
				all = append(all, Proof{join("registry", s.name), proxy, registryProof(s)})
			}
			for _, r := range revivals {
				all = append(all, Proof{join("registry", r.name), proxy, revivalProof(r)})
			}
		}
	}
	return all
}

const rollout = "rollout-restart deploy/APP"

// stops are the ways in which pods stop in daily life.
var stops = []struct {
	name  string
	trial Trial
}{
	{"rollout", Trial{Replicas: 3, Rate: rate, Action: rollout}},
	{"delete-pod", Trial{Replicas: 3, Rate: rate, Action: "delete-pod one-of deploy/APP"}},
	{"drain", Trial{Replicas: 3, Rate: rate, Action: "drain node3"}},
	{"scale-down", Trial{Replicas: 4, Rate: rate, Action: "scale deploy/APP 1"}},
}

// spreadFor is how much later than the others the clients' node learns of slices. Idle nodes on
// one machine learn within milliseconds, unlike those of a larger cluster, where a second is little.
const spreadFor = time.Second

// spread gives the trial the propagation of a larger cluster.
func spread(t Trial) Trial {
	t.Before = func(ctx context.Context, e *Env) (func() error, error) {
		node := e.client()
		undo := func() error { return node.DelayEndpointSlices(context.WithoutCancel(ctx), 0) }
		return undo, node.DelayEndpointSlices(ctx, spreadFor)
	}
	return t
}

// stallFor is how long a kube-proxy hangs: twice the sleep that most teams paste.
const stallFor = 20 * time.Second

var stalled = Trial{Replicas: 3, Rate: rate, Action: rollout, Before: StallProxy}

// StallProxy stops the kube-proxy of the node that the clients are on, for stallFor.
func StallProxy(_ context.Context, e *Env) (func() error, error) {
	proxy := e.client().KubeProxy
	if err := proxy.Pause(); err != nil {
		return nil, fmt.Errorf("stalling kube-proxy on %s: %w", e.client().Name(), err)
	}
	resumed := make(chan error, 1)
	timer := time.AfterFunc(stallFor, func() { resumed <- proxy.Resume() })
	return func() error {
		if timer.Stop() {
			return proxy.Resume()
		}
		return <-resumed
	}, nil
}

var leaderKilled = Trial{Replicas: 3, Rate: rate, Action: rollout,
	Before: func(ctx context.Context, e *Env) (func() error, error) {
		killed := make(chan error, 1)
		// The rollout's first pods stop about two seconds after it begins.
		timer := time.AfterFunc(3*time.Second, func() { killed <- e.KillLeader(context.WithoutCancel(ctx)) })
		return func() error {
			if timer.Stop() {
				return errors.New("the rollout was over before the leader was killed")
			}
			return <-killed
		}, nil
	}}

// controlTries is how often a control run may be repeated until every lane has lost something.
// A keep-alive lane loses only if it reconnects in the moment before the rules change, and reaches
// that very pod.
const controlTries = 8

// against runs the trial with the control's protection and then with lameduck, and returns an
// outcome for each lane.
func against(control Protection, t Trial) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) ([]Outcome, error) {
		lost, err := e.control(ctx, control, t)
		if err != nil {
			return nil, err
		}
		t.Protection, t.Routes = Lameduck, true
		seen, err := e.Run(ctx, t)
		if err != nil {
			return nil, err
		}
		return beside(perLane(name, seen), control, lost), nil
	}
}

// alone runs the trial with lameduck only: where routers learn at once, a control may lose nothing.
func alone(t Trial) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) ([]Outcome, error) {
		t.Protection, t.Routes = Lameduck, true
		seen, err := e.Run(ctx, t)
		if err != nil {
			return nil, err
		}
		return perLane(name, seen), nil
	}
}

// beside adds what the control lost in each lane to the outcomes.
func beside(outcomes []Outcome, control Protection, lost map[string]uint64) []Outcome {
	for i := range outcomes {
		outcomes[i].Control, outcomes[i].ControlLost = string(control), lost[path.Base(outcomes[i].Name)]
	}
	return outcomes
}

// control counts what is lost without lameduck, by lane.
func (e *Env) control(ctx context.Context, control Protection, t Trial) (map[string]uint64, error) {
	t.Protection = control
	lost := map[string]uint64{}
	for range controlTries {
		seen, err := e.Run(ctx, t)
		if err != nil {
			return nil, err
		}
		every := true
		for _, lane := range seen.Lanes {
			lost[lane.Name] += uint64(lane.Counts.Lost + lane.Counts.Masked)
			every = every && lost[lane.Name] > 0
		}
		if every {
			break
		}
	}
	return lost, nil
}

// perLane returns an outcome for each lane.
func perLane(name string, seen *Seen) (outcomes []Outcome) {
	where := seen.Where // reported once, with the first lane
	for _, lane := range seen.Lanes {
		outcomes = append(outcomes, Outcome{
			Name: join(name, lane.Name), Hook: seen.Hook, Beyond: seen.Beyond, Word: seen.Word, Where: where, Faults: seen.Faults,
			Requests: uint64(lane.Counts.Requests), Lost: uint64(lane.Counts.Lost), Masked: uint64(lane.Counts.Masked),
		})
		where = nil
	}
	return outcomes
}

// The proof's streams last as long as the sleep that most teams paste: one that begins before the
// routers have stopped outlives it. streamRate is in streams a second.
const (
	streamFor  = 10 * time.Second
	streamRate = 9
)

// streams stops pods whose answers are long streams: bare, with the sleep, and with lameduck.
func streams(ctx context.Context, e *Env, name string) ([]Outcome, error) {
	return againstBoth(spread(Trial{Replicas: 3, Rate: streamRate, Action: rollout, Stream: streamFor}))(ctx, e, name)
}

// againstBoth runs the trial bare, with the sleep that most teams paste, and with lameduck.
func againstBoth(t Trial) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) (outcomes []Outcome, err error) {
		t := t
		var lost map[string]uint64
		for _, control := range []Protection{Bare, Sleep10} {
			if lost, err = e.control(ctx, control, t); err != nil {
				return outcomes, err
			}
			all := uint64(0)
			for _, lane := range lost {
				all += lane
			}
			outcomes = append(outcomes, Outcome{Name: join(name, string(control)), Control: string(control), ControlLost: all})
		}
		t.Protection, t.Routes = Lameduck, true
		seen, err := e.Run(ctx, t)
		if err != nil {
			return outcomes, err
		}
		return append(outcomes, beside(perLane(name, seen), Sleep10, lost)...), nil
	}
}

// behind puts a router in front of the application.
func behind(router Router) Trial {
	return Trial{Replicas: 3, Rate: rate, Action: rollout, Router: router}
}

// asked has every pod leave by its router's own word.
func asked(t Trial) Trial {
	t.Asked = true
	return t
}

// ownPods restarts the router itself.
var ownPods = spread(Trial{Replicas: 2, Rate: rate, Action: rollout, Router: traefik{replicas: 2, kept: 2 * time.Second}, OwnPods: true})

// seldom has each pod get a request a second: fewer than its quiet window is long.
func seldom(t Trial) Trial {
	t.Rate = float64(t.Replicas)
	return t
}

// hubAbsent stops injected pods while hub and webhook are gone: local evidence has to do.
func hubAbsent(ctx context.Context, e *Env, name string) ([]Outcome, error) {
	t := Trial{Replicas: 3, Rate: rate, Action: rollout}
	lost, err := e.control(ctx, Bare, t)
	if err != nil {
		return nil, err
	}
	t.Protection, t.Routes = Lameduck, true
	t.Before = func(ctx context.Context, e *Env) (func() error, error) { return nil, e.Scale(ctx, 0) }
	seen, err := e.Run(ctx, t)
	if scaleErr := e.Scale(ctx, 2); err == nil {
		err = scaleErr
	}
	if err != nil {
		return nil, err
	}
	return beside(perLane(name, seen), Bare, lost), nil
}

// webhookAbsent deploys while no webhook answers: pods have to start as they are.
func webhookAbsent(ctx context.Context, e *Env, name string) ([]Outcome, error) {
	if err := e.Scale(ctx, 0); err != nil {
		return nil, err
	}
	app := App{Namespace: Namespace, Name: "unhooked", Replicas: 2, Protection: Lameduck, Work: workTime}
	outcome := Outcome{Name: name}
	if _, err := app.Deploy(ctx, e.Client); err != nil {
		outcome.Faults = append(outcome.Faults, "pods did not start without the webhook: "+err.Error())
	}
	if err := app.Remove(ctx, e.Client); err != nil {
		return nil, err
	}
	return []Outcome{outcome}, e.Scale(ctx, 2)
}

// costRate gives each pod 12 new connections a second: with few, the quiet window dominates.
const costRate = 360

// cost compares what a stop takes with lameduck and with the usual sleeps, and shows lameduck's part of
// it. It asserts none of these times, since they depend on the machine. What an idle kube-proxy adds:
// docs/decisions/0041-cost-of-an-acknowledgement.md.
func cost(ctx context.Context, e *Env, name string) ([]Outcome, error) {
	var outcomes []Outcome
	for _, protection := range []Protection{Lameduck, Sleep10, Sleep35} {
		seen, err := e.Run(ctx, Trial{Protection: protection, Replicas: 10, Rate: costRate, Action: rollout, Routes: true})
		if err != nil {
			return nil, err
		}
		o := Outcome{Name: join(name, string(protection)), Requests: uint64(seen.Totals.Requests), Hook: seen.Hook, Beyond: seen.Beyond, Where: seen.Where}
		if protection == Lameduck {
			o.Lost, o.Masked, o.Faults = uint64(seen.Totals.Lost), uint64(seen.Totals.Masked), seen.Faults
			if len(seen.Beyond) == 0 {
				o.Faults = append(o.Faults, "no pod was seen being routed to and then stopping")
			}
		}
		outcomes = append(outcomes, o)
	}
	return outcomes, nil
}
