package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/test/registries"
	"github.com/lameduck-dev/lameduck/verify"
	"github.com/lameduck-dev/lameduck/verify/action"
)

// Article is the hook that the articles about a registry print: one HTTP request that shall take
// the instance out, and a sleep of 35 s.
const Article Protection = "article"

// stack is a registry with the applications that use it.
type stack struct {
	name      string
	server    registries.Container
	framework registries.Framework
	spec      string // what lameduck is told in the annotation, SERVER and SERVICE being for the address and the provider
	// article is the hook's request for a service; nil: no article has one.
	article func(service string) (method, url string)
	// stale is how long after a pod's end a consumer may still send to it.
	stale time.Duration
}

var stacks = []stack{
	{
		name: "nacos", server: registries.Nacos2Container(), framework: registries.Boot3Nacos, spec: "nacos server=SERVER service=SERVICE",
		article: func(service string) (string, string) {
			return http.MethodPost, "http://nacos:8848/nacos/v1/ns/instance?serviceName=" + service +
				"&groupName=DEFAULT_GROUP&ip=${POD_IP}&port=8080&enabled=false&ephemeral=true"
		},
		stale: 40 * time.Second,
	},
	{
		name: "eureka", server: registries.EurekaContainer(), framework: registries.Boot3Eureka, spec: "eureka server=http://SERVER/eureka service=SERVICE",
		stale: 95 * time.Second,
	},
}

// registryRate is in requests a second, all lanes together: each goes through two JVMs.
const registryRate = 30

// registryProof shows a rolling restart of a provider whose consumer finds it in the registry: with
// what the articles recommend, and with lameduck.
func registryProof(s stack) func(context.Context, *Env, string) ([]Outcome, error) {
	return func(ctx context.Context, e *Env, name string) (outcomes []Outcome, err error) {
		stop, address, err := e.startRegistry(ctx, s)
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, stop()) }()
		controls := []Protection{Sleep10}
		if s.article != nil {
			controls = append(controls, Article)
		} else {
			controls = append(controls, Sleep35)
		}
		var lost map[string]uint64 // by the last control: the better one
		for _, control := range controls {
			seen, err := e.runRegistry(ctx, s, address, control)
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
		seen, err := e.runRegistry(ctx, s, address, Lameduck)
		if err != nil {
			return outcomes, err
		}
		return append(outcomes, beside(perLane(name, seen), controls[len(controls)-1], lost)...), nil
	}
}

// startRegistry brings the stack's images to the nodes, and its server up.
func (e *Env) startRegistry(ctx context.Context, s stack) (stop func() error, address string, err error) {
	e.say("building and loading the images of %s", s.name)
	archive := filepath.Join(e.dir, s.name+".tar")
	app := registries.App{Framework: s.framework}
	if err := registries.WriteImages(ctx, archive, e.progress, s.server, app.Container()); err != nil {
		return nil, "", err
	}
	if err := e.Cluster.Load(ctx, archive); err != nil {
		return nil, "", err
	}
	if err := e.Cluster.Apply(ctx, registryNamespace); err != nil {
		return nil, "", err
	}
	server := javaApp{Name: s.name, Container: s.server, Replicas: 1}
	e.say("starting %s", s.name)
	if _, err = e.deployJava(ctx, server); err != nil {
		return nil, "", err
	}
	address = fmt.Sprintf("%s.%s:%d", s.name, RegistryNamespace, s.server.Ports[0])
	return func() error { return e.removeJava(context.WithoutCancel(ctx), server) }, address, nil
}

// provider is the stack's provider under the name, protected in that way.
func (s stack) provider(name, registry string, protection Protection) javaApp {
	app := registries.App{Framework: s.framework, Servers: []string{registry}, Name: name}
	p := javaApp{Name: name, Container: app.Container(), Replicas: 2}
	const sleep10, sleep35, reserve = 10, 35, 30
	switch protection {
	case Sleep10:
		p.PreStop, p.Grace = &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: sleep10}}, sleep10+reserve
	case Sleep35:
		p.PreStop, p.Grace = &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: sleep35}}, sleep35+reserve
	case Article:
		method, url := s.article(name)
		p.PreStop = &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: app.Hook(method, url, sleep35)}}
		p.Grace = sleep35 + reserve
	case Lameduck:
		p.Inject = true // which raises the grace period
		p.Annotations = map[string]string{"lameduck.dev/registry": strings.NewReplacer("SERVER", registry, "SERVICE", name).Replace(s.spec)}
	}
	return p
}

// runRegistry restarts a provider of its own with the load on a consumer of its own.
func (e *Env) runRegistry(ctx context.Context, s stack, registry string, protection Protection) (_ *Seen, err error) {
	name := fmt.Sprintf("orders%d", trials.Add(1))
	provider := s.provider(name, registry, protection)
	consumer := javaApp{Name: "shop-" + name, Replicas: 1, Container: registries.App{
		Framework: s.framework, Servers: []string{registry}, Name: "shop-" + name, Upstream: name}.Container()}
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
		URL: url, Rate: registryRate, Timeout: patience, Dial: e.client().DialContext,
		ActionName: act.Name, Action: act.Do, After: s.stale,
		Cluster: &verify.Cluster{Client: e.Client, Namespace: RegistryNamespace, Selector: provider.selector()},
	})
	if err != nil {
		return nil, err
	}
	return judge(result, nil), nil
}

// awaitProviders waits until the consumer sends to that many providers: at Eureka's defaults it
// takes up to 95 s until it knows one.
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
