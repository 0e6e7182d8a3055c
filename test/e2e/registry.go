package e2e

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
)

// Article is the hook that articles about a registry recommend: one HTTP request that should take
// the instance out, and a sleep of 35 s.
const Article Protection = "article"

// registryRate is in requests a second, all lanes together: each goes through two JVMs.
const registryRate = 30

// registryProof shows a rolling restart of a provider whose consumer finds it in the registry: with
// what the articles recommend, and with lameduck.
func registryProof(s stack) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) (outcomes []Outcome, err error) {
		if s.login != nil {
			if err := e.Install(ctx, s.installed(false)...); err != nil {
				return nil, err
			}
		}
		stop, err := e.startRegistry(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		var lost map[string]uint64 // by the last control, the best one
		for _, control := range s.controls {
			seen, err := e.runRegistry(ctx, s, control)
			if err != nil {
				return outcomes, err
			}
			lost = map[string]uint64{}
			for _, lane := range seen.Lanes {
				lost[lane.Name] = uint64(lane.Counts.Lost + lane.Counts.Masked)
			}
			outcomes = append(outcomes, Outcome{Name: join(name, string(control)), Requests: uint64(seen.Totals.Requests),
				Control: string(control), ControlLost: uint64(seen.Totals.Lost + seen.Totals.Masked), Hook: seen.Hook})
		}
		seen, err := e.runRegistry(ctx, s, Lameduck)
		if err != nil {
			return outcomes, err
		}
		return append(outcomes, beside(perLane(name, seen), s.controls[len(s.controls)-1], lost)...), nil
	}
}

// runRegistry restarts a new provider while the load runs against a new consumer.
func (e *Env) runRegistry(ctx context.Context, s stack, protection Protection) (_ *Seen, err error) {
	name := fmt.Sprintf("orders%d", trials.Add(1))
	provider := s.provider(name, protection)
	consumer := javaApp{Name: "shop-" + name, Replicas: 1, Container: s.app("shop-"+name, name).Container()}
	e.say("%s with %s: rolling restart of %d providers under load", s.name, protection, provider.Replicas)
	url := ""
	for _, app := range []javaApp{provider, consumer} {
		if url, err = e.deployJava(ctx, app); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, e.removeJava(context.WithoutCancel(ctx), app)) }()
	}
	url = "http://" + url + "/"
	if err := e.awaitProviders(ctx, url, provider.Replicas); err != nil {
		return nil, err
	}
	actor := &action.Actor{Client: e.Client, Namespace: RegistryNamespace}
	act, err := actor.Parse([]string{"rollout-restart", "deploy/" + name})
	if err != nil {
		return nil, err
	}
	result, err := verify.Run(ctx, verify.Options{
		URL: url, Rate: cmp.Or(s.rate, registryRate), Timeout: cmp.Or(s.patience, patience), Dial: e.dial,
		ActionName: act.Name, Action: act.Do, After: s.stale,
		Cluster: &verify.Cluster{Client: e.Client, Namespace: RegistryNamespace, Selector: provider.selector()},
	})
	if err != nil {
		return nil, err
	}
	if protection == Lameduck {
		e.sayLosses(result)
	}
	return judge(result, nil), nil
}

// awaitProviders waits until the consumer sends to n providers: at Eureka's defaults it
// takes up to 95 s to find one.
func (e *Env) awaitProviders(ctx context.Context, url string, n int32) error {
	pods := map[string]bool{}
	return awaitFor(ctx, javaStart, "the consumer to know its providers", func(ctx context.Context) (string, error) {
		var answer struct{ Pod string }
		if err := e.get(ctx, url, &answer); err != nil {
			return "", err
		}
		if pods[answer.Pod] = true; len(pods) < int(n) {
			return fmt.Sprintf("it sends to %d of %d", len(pods), n), nil
		}
		return "", nil
	})
}
