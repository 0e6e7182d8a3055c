package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const record = "nacos server=nacos:8848 service=orders ip=10.0.0.7 port=8080 password-env=PASSWORD"

func leavingPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders-1", UID: "u1"},
		Status: corev1.PodStatus{
			PodIPs:            []corev1.PodIP{{IP: "10.0.0.7"}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "app", RestartCount: 2, State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
		},
	}
}

// office is where restores arrive.
type office struct {
	registry.Registry

	mu       sync.Mutex
	address  string // at which the instance is found; empty: it is not there
	in       bool   // it is found to be in
	asked    []registry.Spec
	restored []string
	events   []string
	fail     func(try int) error
	tries    int
}

func servers(t testing.TB, texts ...string) (all registry.Servers) {
	t.Helper()
	for _, text := range texts {
		one, err := kinds.All.ParseServer(text)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, one)
	}
	return all
}

func (o *office) config(t *testing.T) Config {
	return Config{
		Servers: servers(t, "nacos server=nacos:8848 secret=nacos", "nacos server=old:80", "eureka server=eureka:8761"),
		Secret: func(_ context.Context, name string) (map[string][]byte, error) {
			if name != "nacos" {
				return nil, errors.New("forbidden")
			}
			return map[string][]byte{"password": []byte("secret"), "ca.crt": []byte("authority")}, nil
		},
		Open: func(spec registry.Spec, _ registry.Pod) (registry.Registry, error) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.asked = append(o.asked, spec)
			return &client{o, spec}, nil
		},
		Event: func(pod *corev1.Pod, _, reason, message string) {
			o.mu.Lock()
			defer o.mu.Unlock()
			o.events = append(o.events, reason+" "+message)
		},
		Log: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
}

type client struct {
	*office
	spec registry.Spec
}

func (c *client) Find(context.Context) (registry.Found, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.address == "" {
		return registry.Found{}, registry.NotFound("the pod", "orders", nil)
	}
	return registry.Found{Address: c.address, Out: !c.in, Record: c.spec.With("ip", c.address).With("weight", "7")}, nil
}

func (c *client) Restore(_ context.Context, spec registry.Spec) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tries++
	if c.fail != nil {
		if err := c.fail(c.tries); err != nil {
			return err
		}
	}
	password, err := c.spec.Secret("password")
	if err != nil {
		return err
	}
	c.restored = append(c.restored, fmt.Sprintf("%s at %s with %s, weight %s", spec.Get("service"), spec.Get("ip"), password, spec.Get("weight")))
	return nil
}

// stand sets where the instance stands from now on.
func (o *office) stand(address string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.address = address
}

func TestRestores(t *testing.T) {
	refused := errors.New("connection refused")
	const done = "orders at 10.0.0.7 with secret, weight 7"
	gone := func(_ *office, r *Restorer, _ *corev1.Pod) { r.Gone("u1") }
	for _, tt := range []struct {
		name     string
		stands   string
		then     func(*office, *Restorer, *corev1.Pod)
		fail     func(int) error
		restored string
		event    string
	}{
		{name: "the pod is gone", stands: "10.0.0.7", then: gone, restored: done},
		{name: "and with it the instance, but not what was said of its address", stands: "10.0.0.7", then: func(o *office, r *Restorer, _ *corev1.Pod) {
			o.stand("")
			r.Gone("u1")
		}, restored: done},
		{name: "its containers have ended", stands: "10.0.0.7", then: func(_ *office, r *Restorer, pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}}
			r.Set(pod)
			r.Gone("u1")
		}, restored: done},
		{name: "a container was started anew in the same pod", stands: "10.0.0.7", then: func(_ *office, r *Restorer, pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].RestartCount++
			r.Set(pod)
		}, restored: done},
		{name: "it is in already", stands: "10.0.0.7", then: func(o *office, r *Restorer, _ *corev1.Pod) {
			o.in = true
			r.Gone("u1")
		}},
		{name: "it only leaves", stands: "10.0.0.7", then: func(_ *office, r *Restorer, pod *corev1.Pod) { r.Set(pod) }},
		{name: "another pod is gone", stands: "10.0.0.7", then: func(_ *office, r *Restorer, pod *corev1.Pod) { r.Gone("u2") }},
		{name: "it was never there", then: gone},
		{name: "it is another's", stands: "10.0.0.8", then: gone, event: `registered at "10.0.0.8"`},
		{name: "it is another's by now", stands: "10.0.0.7", then: func(o *office, r *Restorer, _ *corev1.Pod) {
			o.stand("10.0.0.8")
			r.Gone("u1")
		}, event: `registered at "10.0.0.8"`},
		{name: "it was another's, and is gone", stands: "10.0.0.8", then: func(o *office, r *Restorer, _ *corev1.Pod) {
			o.stand("")
			r.Gone("u1")
		}},
		{name: "it is known by the pod's name, which others may have too", stands: "orders-1", then: gone, event: `registered at "orders-1"`},
		{name: "the registry is down for a while", stands: "10.0.0.7", then: gone, fail: func(try int) error {
			if try < 5 {
				return refused
			}
			return nil
		}, restored: done},
		{name: "it stays down", stands: "10.0.0.7", then: gone, fail: func(int) error { return refused }, event: "may start disabled: connection refused"},
		{name: "it is denied", stands: "10.0.0.7", then: gone, fail: func(int) error { return registry.ErrDenied }, event: "LameDuckNotRestored nacos orders"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &office{address: tt.stands, fail: tt.fail}
				r := New(o.config(t))
				pod := leavingPod()
				for range 2 { // an agent repeats what it is not sure to have been heard
					if err := r.Record(pod, []string{record}); err != nil {
						t.Fatal(err)
					}
				}
				synctest.Wait()
				tt.then(o, r, pod.DeepCopy())
				time.Sleep(time.Hour)
				r.Close()
				if got := strings.Join(o.restored, ", "); got != tt.restored {
					t.Errorf("restored %q, want %q", got, tt.restored)
				}
				if got := strings.Join(o.events, ", "); (tt.event == "") != (got == "") || !strings.Contains(got, tt.event) {
					t.Errorf("events %q, want %q", got, tt.event)
				}
			})
		})
	}
}

// TestRecordsSayLittle: of a pod's record only what names the instance is used. Once ca-file was
// opened in the controller (/dev/zero: out of memory in 2 s), and the path was the pod's to choose.
func TestRecordsSayLittle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{address: "10.0.0.7"}
		r := New(o.config(t))
		hostile := "nacos server=http://nacos:8848/evil context=/evil service=orders namespace=n group=g cluster=c port=8080 ip=10.0.0.7" +
			" timeout=1h weight=10000 ephemeral=false ca-file=/dev/zero cert-file=/dev/zero key-file=/dev/zero" +
			" username-file=/dev/zero password-file=/dev/zero token-file=/dev/zero"
		if err := r.Record(leavingPod(), []string{hostile}); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		r.Gone("u1")
		time.Sleep(time.Hour)
		r.Close()
		if len(o.asked) != 2 {
			t.Fatalf("asked %d times", len(o.asked))
		}
		const want = "nacos cluster=c group=g namespace=n port=8080 server=nacos:8848 service=orders"
		for _, spec := range o.asked {
			if spec.String() != want {
				t.Errorf("asked by %s, want %s", spec, want)
			}
			if authority, err := spec.Secret("ca"); authority != "authority" || err != nil {
				t.Errorf("the installation's authority: %q, %v", authority, err)
			}
		}
		if got := strings.Join(o.restored, ", "); got != "orders at 10.0.0.7 with secret, weight 7" {
			t.Errorf("restored %q", got)
		}
	})
}

// TestADeputyOfNobody has a pod name another's instance at a server that is as Eureka's: nothing
// is written, whatever the client.
func TestADeputyOfNobody(t *testing.T) {
	var mu sync.Mutex
	var calls []string
	eureka := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		mu.Lock()
		calls = append(calls, request.Method+" "+request.URL.Path)
		mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"instance":{"instanceId":"victim","app":"ORDERS","ipAddr":"10.0.0.8","status":"OUT_OF_SERVICE","port":{"$":8080,"@enabled":"true"}}}`)
	}))
	defer eureka.Close()
	o := &office{}
	config := o.config(t)
	config.Servers, config.Open = servers(t, "eureka server="+eureka.URL+"/eureka"), kinds.All.Open
	r := New(config)
	text := "eureka server=" + eureka.URL + "/any/other/path id=victim service=orders ip=10.0.0.7 port=8080"
	if err := r.Record(leavingPod(), []string{text}); err != nil {
		t.Fatal(err)
	}
	r.Gone("u1")
	r.working.Wait()
	r.Close()
	if len(calls) == 0 {
		t.Error("nothing was looked up, so nothing was shown")
	}
	for _, call := range calls {
		if call != "GET /eureka/apps/orders/victim" {
			t.Errorf("called: %s", call)
		}
	}
	if got := strings.Join(o.events, ", "); !strings.Contains(got, `not the pod's instance: it is registered at "10.0.0.8"`) {
		t.Errorf("events %q", got)
	}
}

func TestRecordsAreChecked(t *testing.T) {
	var many []string
	for i := range maxSpecs + 1 {
		many = append(many, fmt.Sprintf("%s group=g%d", record, i))
	}
	for _, tt := range []struct {
		name  string
		texts []string
		err   string
	}{
		{"as the agent writes it", []string{record}, ""},
		{"as a URL", []string{strings.Replace(record, "nacos:8848", "http://nacos:8848/nacos", 1)}, ""},
		{"another pod's address", []string{strings.Replace(record, "10.0.0.7", "10.0.0.8", 1)}, "not this pod's"},
		{"no address", []string{"nacos server=nacos:8848 service=orders"}, "not this pod's"},
		{"a server of its own", []string{strings.Replace(record, "nacos:8848", "nacos:8848,169.254.169.254:80", 1)}, `may not speak to "nacos:8848,169.254.169.254:80"`},
		{"a URL that looks like it", []string{strings.Replace(record, "nacos:8848", "http://nacos:8848@evil", 1)}, "may not speak to"},
		{"another kind's server", []string{strings.Replace(record, "nacos:8848", "eureka:8761", 1)}, "may not speak to"},
		{"a URL whose port is the kind's, not 80", []string{strings.Replace(record, "nacos:8848", "http://old", 1)}, "may not speak to"},
		{"no server", []string{"nacos service=orders ip=10.0.0.7"}, "may not speak to"},
		{"nonsense", []string{"noccos"}, "no registry of kind"},
		{"too many", many, "more than 8"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := New((&office{}).config(t))
			defer r.Close()
			err := r.Record(leavingPod(), tt.texts)
			if (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%v, want %q", err, tt.err)
			}
		})
	}
}

// TestRefusedRecordsAreNotKept: what a pod is refused must not add up.
func TestRefusedRecordsAreNotKept(t *testing.T) {
	r := New((&office{}).config(t))
	defer r.Close()
	for i := range 3 * maxSpecs {
		err := r.Record(leavingPod(), []string{fmt.Sprintf("%s group=g%d", record, i)})
		if (err == nil) != (i < maxSpecs) {
			t.Fatalf("record %d: %v", i, err)
		}
	}
	if kept := len(r.pods["u1"].claims); kept != maxSpecs {
		t.Errorf("%d kept, want %d", kept, maxSpecs)
	}
}

// TestLooksArePaced: a pod that repeats itself all the time has the registry asked every 2 s.
func TestLooksArePaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &office{} // it is never found
		r := New(o.config(t))
		for range 1000 {
			if err := r.Record(leavingPod(), []string{record}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		r.Close()
		if asked := len(o.asked); asked < 4 || asked > 6 {
			t.Errorf("asked %d times in 10 s", asked)
		}
	})
}
