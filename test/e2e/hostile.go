package e2e

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

const (
	// attackFor is how long the hostile pod goes on, while one rollout follows another.
	attackFor = 5 * time.Minute
	// stalledCalls is how many connections it holds at the webhook, each a byte short of a review.
	stalledCalls = 120
	reviewSize   = 7 << 20
	// callers is how many goroutines make each kind of call to the hub, one call after the other.
	callers = 4
	// mostMemory is how much memory a controller may use meanwhile, in bytes.
	mostMemory = 300 << 20
)

// hostile has one pod attack the controller in every way it can while applications are
// rolled out: it stalls reviews at the webhook, and floods the hub with false tokens, with
// calls and reports under its own token, and with silent connections.
func hostile(ctx context.Context, e *Env, name string) (_ []Outcome, err error) {
	attack, err := e.attack(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, attack.end(context.WithoutCancel(ctx))) }()
	var outcomes []Outcome
	var pods, confirmed int
	for began := time.Now(); time.Since(began) < attackFor; {
		trial := Trial{Protection: Lameduck, Replicas: 3, Rate: rate, Action: rollout}
		seen, err := e.Run(ctx, trial)
		if err != nil {
			return outcomes, err
		}
		for _, pod := range seen.Pods {
			pods++
			if lineConfirmed.MatchString(pod.HookLog) {
				confirmed++
			}
		}
		outcomes = addUp(outcomes, perLane(name, seen))
	}
	watched, err := attack.watched()
	if err != nil {
		return outcomes, err
	}
	e.say("hostile: %s; at most %d MiB in a controller; %d of %d pods confirmed", attack.counts(), watched.most>>20, confirmed, pods)
	last := &outcomes[len(outcomes)-1]
	fault := func(format string, args ...any) { last.Faults = append(last.Faults, fmt.Sprintf(format, args...)) }
	if confirmed < pods {
		fault("%d of %d honest pods were not confirmed", pods-confirmed, pods)
	}
	if watched.most > mostMemory {
		fault("a controller used %d MiB", watched.most>>20)
	}
	if restarts, err := e.controllerRestarts(ctx); err != nil || restarts > 0 {
		fault("the controllers restarted %d times: %v", restarts, err)
	}
	for what, count := range attack.tried() {
		if count == 0 {
			fault("the hostile pod made no %s: this run proves nothing", what)
		}
	}
	return outcomes, nil
}

// addUp adds each lane's outcome to its sum so far.
func addUp(all, more []Outcome) []Outcome {
	if all == nil {
		return more
	}
	for i := range all {
		all[i].Requests += more[i].Requests
		all[i].Lost += more[i].Lost
		all[i].Masked += more[i].Masked
		all[i].Hook = append(all[i].Hook, more[i].Hook...)
		all[i].Where = append(all[i].Where, more[i].Where...)
		all[i].Faults = append(all[i].Faults, more[i].Faults...)
	}
	return all
}

func (e *Env) controllerRestarts(ctx context.Context) (sum int32, err error) {
	pods, err := e.controllers(ctx)
	if err != nil {
		return 0, err
	}
	for _, pod := range pods {
		for _, status := range pod.Status.ContainerStatuses {
			sum += status.RestartCount
		}
	}
	return sum, nil
}

// attack is what the hostile pod is doing.
type attack struct {
	env     *Env
	app     App
	network *cluster.PodNetwork
	token   string // its own
	hub     *hubClient
	address map[string]string // of the Services
	memory  *memoryWatch

	stop    context.CancelFunc
	working sync.WaitGroup
	stalled, falseTokens, ownCalls, silent,
	refused atomic.Int64
}

func (e *Env) attack(ctx context.Context) (_ *attack, err error) {
	a := &attack{env: e, app: App{Namespace: Namespace, Name: "hostile", Replicas: 1, Protection: Bare}, address: map[string]string{}}
	if _, err := a.app.Deploy(ctx, e.Client); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, a.end(context.WithoutCancel(ctx)))
		}
	}()
	pods, err := e.Client.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: a.app.Selector()})
	if err != nil || len(pods.Items) != 1 {
		return nil, fmt.Errorf("finding the hostile pod: %d pods, %w", len(pods.Items), errors.Join(err))
	}
	pod := &pods.Items[0]
	node, err := e.Cluster.Node(pod.Spec.NodeName)
	if err != nil {
		return nil, err
	}
	if a.network, err = node.PodNetwork(ctx, pod.Status.ContainerStatuses[0].ContainerID); err != nil {
		return nil, err
	}
	if a.hub, err = newHubClient(ctx, e.Client); err != nil {
		return nil, err
	}
	if a.token, err = a.hub.token(ctx, pod); err != nil {
		return nil, err
	}
	for name, port := range map[string]string{"lameduck-webhook": "443", "lameduck-hub": "80"} {
		service, err := e.Client.CoreV1().Services(controlNamespace).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		a.address[name] = net.JoinHostPort(service.Spec.ClusterIP, port)
	}
	if a.memory, err = e.watchMemory(ctx); err != nil {
		return nil, err
	}
	a.begin(context.WithoutCancel(ctx))
	return a, nil
}

func (a *attack) begin(ctx context.Context) {
	ctx, a.stop = context.WithCancel(ctx)
	each := func(count int, do func(ctx context.Context)) {
		for range count {
			a.working.Go(func() {
				for ctx.Err() == nil {
					do(ctx)
				}
			})
		}
	}
	body := []byte(strings.Repeat(" ", reviewSize-1))
	each(stalledCalls, func(ctx context.Context) { a.stall(ctx, body) })
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DialContext: a.network.DialContext, MaxIdleConnsPerHost: callers}}
	each(callers, func(ctx context.Context) {
		a.falseTokens.Add(1)
		a.call(ctx, client, hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: falseToken()})
	})
	own := []struct {
		path    string
		request any
	}{
		{hubapi.ReportPath, json.RawMessage(fmt.Sprintf(`{"token":%q,"timeline":{"steps":[{"phase":"LameDuck"}],"evidence":[%s{}]}}`, a.token, strings.Repeat("{},", 8000)))},
		{hubapi.ConfirmPath, hubapi.ConfirmRequest{Token: a.token}},
		{hubapi.RecordPath, hubapi.RecordRequest{Token: a.token, Records: []string{"eureka server=eureka:8761 id=victim service=orders ip=10.0.0.1 ca-file=/dev/zero"}}},
	}
	each(callers, func(ctx context.Context) {
		next := own[int(a.ownCalls.Add(1))%len(own)]
		a.call(ctx, client, next.path, next.request)
	})
	each(stalledCalls, a.beSilent)
}

// stall posts a review without its last byte, and waits until the connection is closed.
func (a *attack) stall(ctx context.Context, body []byte) {
	conn, err := a.network.DialContext(ctx, "tcp", a.address["lameduck-webhook"])
	if err != nil {
		pause(ctx)
		return
	}
	secure := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	a.stalled.Add(1)
	_, err = fmt.Fprintf(secure, "POST /mutate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", reviewSize)
	if err == nil {
		if _, err = secure.Write(body); err == nil {
			_, err = io.Copy(io.Discard, secure)
		}
	}
	if err != nil {
		a.refused.Add(1)
	}
	pause(ctx) // the cluster runs on this machine too
}

// beSilent opens a connection to the hub and says nothing until it is closed.
func (a *attack) beSilent(ctx context.Context) {
	conn, err := a.network.DialContext(ctx, "tcp", a.address["lameduck-hub"])
	if err != nil {
		pause(ctx)
		return
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	a.silent.Add(1)
	_, _ = io.Copy(io.Discard, conn)
}

// call seals a request and sends it, and ignores the answer.
func (a *attack) call(ctx context.Context, client *http.Client, path string, request any) {
	plain, err := json.Marshal(request)
	if err != nil {
		return
	}
	sealed, _, err := seal.Request(a.hub.key, path, plain)
	if err != nil {
		return
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+a.address["lameduck-hub"]+path, strings.NewReader(string(sealed)))
	if err != nil {
		return
	}
	answer, err := client.Do(post)
	if err != nil {
		pause(ctx)
		return
	}
	_, _ = io.Copy(io.Discard, answer.Body)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		a.refused.Add(1)
		time.Sleep(10 * time.Millisecond)
	}
}

func pause(ctx context.Context) {
	select {
	case <-ctx.Done():
	case <-time.After(time.Second):
	}
}

// falseToken looks like one of the cluster's tokens, so that it has to be checked.
func falseToken() string {
	part := func(bytes []byte) string { return base64.RawURLEncoding.EncodeToString(bytes) }
	signature := make([]byte, 256)
	_, _ = rand.Read(signature) // never fails
	claims := fmt.Sprintf(`{"aud":["lameduck.dev/hub"],"iss":"https://kubernetes.default.svc","exp":%d,"kubernetes.io":{"namespace":"a","pod":{"name":"b","uid":%q}}}`,
		time.Now().Add(time.Hour).Unix(), part(signature[:8]))
	return part([]byte(`{"alg":"RS256","kid":"x"}`)) + "." + part([]byte(claims)) + "." + part(signature)
}

func (a *attack) tried() map[string]int64 {
	return map[string]int64{
		"stalled reviews": a.stalled.Load(), "calls with false tokens": a.falseTokens.Load(),
		"calls with its own token": a.ownCalls.Load(), "silent connections": a.silent.Load(),
	}
}

func (a *attack) counts() string {
	return fmt.Sprintf("%d stalled reviews, %d calls with false tokens, %d with its own, %d silent connections, %d refused",
		a.stalled.Load(), a.falseTokens.Load(), a.ownCalls.Load(), a.silent.Load(), a.refused.Load())
}

// watched is how much memory the controllers used.
func (a *attack) watched() (*memoryWatch, error) { return a.memory, a.memory.end() }

// end stops the attack and removes the pod.
func (a *attack) end(ctx context.Context) error {
	if a.stop != nil {
		a.stop()
		a.working.Wait()
	}
	var err error
	if a.memory != nil {
		err = a.memory.end()
	}
	if a.network != nil {
		err = errors.Join(err, a.network.Close())
	}
	return errors.Join(err, a.app.Remove(ctx, a.env.Client))
}
