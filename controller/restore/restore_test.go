package restore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/lameduck-dev/lameduck/registry"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const record = "nacos server=nacos:8848 service=orders ip=10.0.0.7 port=8080 password-env=PASSWORD"

func leavingPod() *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "orders-1", UID: "u1"},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{
			Name:      "PASSWORD",
			ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "nacos"}, Key: "pass"}},
		}}}}},
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
	restored []string
	events   []string
	fail     func(try int) error
	tries    int
}

func (o *office) config(t *testing.T) Config {
	return Config{
		Servers: []string{"nacos:8848", "registry:80"},
		Secret: func(_ context.Context, namespace, name string) (map[string][]byte, error) {
			if namespace+"/"+name != "shop/nacos" {
				return nil, errors.New("forbidden")
			}
			return map[string][]byte{"pass": []byte("secret")}, nil
		},
		Open: func(spec registry.Spec, _ registry.Pod) (registry.Registry, error) {
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
	c.restored = append(c.restored, spec.Get("service")+" with "+password)
	return nil
}

func TestRestores(t *testing.T) {
	refused := errors.New("connection refused")
	for _, tt := range []struct {
		name     string
		then     func(*Restorer, *corev1.Pod)
		fail     func(int) error
		change   func(*corev1.Pod)
		restored string
		event    string
	}{
		{name: "the pod is gone", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u1") }, restored: "orders with secret"},
		{name: "its containers have ended", then: func(r *Restorer, pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].State = corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: 137}}
			r.Set(pod)
			r.Gone("u1")
		}, restored: "orders with secret"},
		{name: "a container was started anew in the same pod", then: func(r *Restorer, pod *corev1.Pod) {
			pod.Status.ContainerStatuses[0].RestartCount++
			r.Set(pod)
		}, restored: "orders with secret"},
		{name: "it only leaves", then: func(r *Restorer, pod *corev1.Pod) { r.Set(pod) }},
		{name: "another pod is gone", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u2") }},
		{name: "the registry is down for a while", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u1") }, fail: func(try int) error {
			if try < 5 {
				return refused
			}
			return nil
		}, restored: "orders with secret"},
		{name: "it stays down", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u1") }, fail: func(int) error { return refused }, event: "may start disabled: connection refused"},
		{name: "it is denied", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u1") }, fail: func(int) error { return registry.ErrDenied }, event: "LameDuckNotRestored nacos orders"},
		{name: "its Secret can't be read", then: func(r *Restorer, pod *corev1.Pod) { r.Gone("u1") }, change: func(pod *corev1.Pod) {
			pod.Spec.Containers[0].Env[0].ValueFrom.SecretKeyRef.Name = "other"
		}, event: "$PASSWORD: forbidden"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &office{fail: tt.fail}
				r := New(o.config(t))
				pod := leavingPod()
				if tt.change != nil {
					tt.change(pod)
				}
				for range 2 { // an agent repeats what it is not sure to have been heard
					if err := r.Record(pod, []string{record}); err != nil {
						t.Fatal(err)
					}
				}
				tt.then(r, pod.DeepCopy())
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
		{"a server of its own", []string{strings.Replace(record, "nacos:8848", "nacos:8848,169.254.169.254:80", 1)}, "may not speak to 169.254.169.254:80"},
		{"a URL that looks like it", []string{strings.Replace(record, "nacos:8848", "http://nacos:8848@evil", 1)}, "may not speak to"},
		{"a URL whose port is the kind's, not 80", []string{strings.Replace(record, "nacos:8848", "http://registry", 1)}, "may not speak to"},
		{"no server", []string{"nacos service=orders ip=10.0.0.7"}, "does not name"},
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
		if (err != nil) != (i >= maxSpecs) {
			t.Errorf("record %d: %v", i, err)
		}
	}
	if kept := len(r.pods["u1"].specs); kept != maxSpecs {
		t.Errorf("%d kept, want %d", kept, maxSpecs)
	}
}
