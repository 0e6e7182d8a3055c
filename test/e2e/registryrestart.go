package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/verify"
)

// offeredWithin is how soon after it is ready a container has to be offered by Nacos; it is watched
// for watchedFor: what a withdrawal leaves there lasts for a minute, and for as long as an instance
// is registered that came meanwhile.
const (
	offeredWithin = 10 * time.Second
	watchedFor    = 90 * time.Second
)

// registryRestart shows a pod's address that is used again at once: a container whose liveness
// fails is withdrawn, stopped, and started anew in its pod. The control is an installation that
// may not clear what the withdrawal left. The outcome counts starts; lost are those that were
// not offered in time, and the hook's columns are the time from ready to offered.
func registryRestart(ctx context.Context, e *Env, name string) (_ []Outcome, err error) {
	s := stacks[0]
	stop, address, err := e.startRegistry(ctx, s)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	control, err := e.restartInPlace(ctx, s, address)
	if err != nil {
		return nil, err
	}
	if err := e.Install(ctx, "--restore-server="+address); err != nil {
		return nil, err
	}
	treatment, err := e.restartInPlace(ctx, s, address)
	if err != nil {
		return nil, err
	}
	e.say("offered %s after it was ready, and %s with the restorer", control, treatment)
	return []Outcome{{
		Name: name, Requests: 1, Control: "no restore", ControlLost: late(control), Lost: late(treatment), Hook: []time.Duration{treatment},
	}}, nil
}

func late(after time.Duration) uint64 {
	if after > offeredWithin {
		return 1
	}
	return 0
}

// restartInPlace has the kubelet start a provider's container anew, and tells how long after it
// was ready Nacos offered it again: watchedFor, if it did not.
func (e *Env) restartInPlace(ctx context.Context, s stack, registry string) (after time.Duration, err error) {
	name := fmt.Sprintf("orders%d", trials.Add(1))
	provider := s.provider(name, registry, Lameduck)
	provider.Replicas, provider.Live = 1, "/actuator/health/liveness"
	// Nobody consumes: there is nothing to wait for.
	provider.Annotations["lameduck.dev/registry"] += " stale=3s quiet=1s"
	e.say("restarting %s in its pod", name)
	if _, err := e.deployJava(ctx, provider); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, e.removeJava(context.WithoutCancel(ctx), provider)) }()
	server, err := e.Client.CoreV1().Services(RegistryNamespace).Get(ctx, s.name, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("finding %s: %w", s.name, err)
	}
	list := fmt.Sprintf("http://%s:%d/nacos/v1/ns/instance/list?serviceName=%s", server.Spec.ClusterIP, s.server.Ports[0], name)
	offered := func(ctx context.Context) (string, error) {
		var answer struct{ Hosts []struct{ Enabled bool } }
		if err := e.get(ctx, list, &answer); err != nil || len(answer.Hosts) == 0 || !answer.Hosts[0].Enabled {
			return "it is not offered", err
		}
		return "", nil
	}
	if err := await(ctx, name+" in Nacos", offered); err != nil {
		return 0, err
	}
	pod, err := e.onePod(ctx, provider)
	if err != nil {
		return 0, err
	}
	if err := e.get(ctx, fmt.Sprintf("http://%s:%d/break", pod.Status.PodIP, provider.Container.Ports[0]), nil); err != nil {
		return 0, err
	}
	err = awaitFor(ctx, javaStart, name+" to be started anew", func(ctx context.Context) (string, error) {
		pod, err := e.onePod(ctx, provider)
		if err != nil {
			return "", err
		}
		if status := pod.Status.ContainerStatuses[0]; status.RestartCount == 0 || !status.Ready {
			return fmt.Sprintf("%d restarts, ready: %v", status.RestartCount, status.Ready), nil
		}
		return "", nil
	})
	if err != nil {
		return 0, err
	}
	ready := time.Now()
	if err := awaitFor(ctx, watchedFor, name+" in Nacos again", offered); err != nil && ctx.Err() != nil {
		return 0, err
	}
	return time.Since(ready), nil
}

func (e *Env) onePod(ctx context.Context, a javaApp) (*corev1.Pod, error) {
	pods, err := e.Client.CoreV1().Pods(RegistryNamespace).List(ctx, metav1.ListOptions{LabelSelector: a.selector()})
	if err != nil {
		return nil, err
	}
	if len(pods.Items) != 1 || len(pods.Items[0].Status.ContainerStatuses) == 0 {
		return nil, fmt.Errorf("%s has %d pods, or one that has no container yet", a.Name, len(pods.Items))
	}
	return &pods.Items[0], nil
}

// get asks from the first node, and reads the answer's JSON into answer unless that is nil.
func (e *Env) get(ctx context.Context, url string, answer any) error {
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DialContext: e.client().DialContext, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	request.Header.Set(verify.RequestID, "asked-once")
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	if answer == nil {
		return nil
	}
	return json.NewDecoder(response.Body).Decode(answer)
}
