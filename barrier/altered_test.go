package barrier

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ktesting "k8s.io/client-go/testing"
)

// TestAlteredServiceIsRemoved: an admission policy that changes the barrier's Service leaves nothing
// behind in the cluster, and is named.
func TestAlteredServiceIsRemoved(t *testing.T) {
	const beacon, kind = "beacon-", "kind-"
	tests := []struct {
		which, what string
		alter       func(*corev1.Service)
	}{
		{beacon, "type (ClusterIP)", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }},
		{beacon, "externalTrafficPolicy (Local)", func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyLocal }},
		{beacon, "sessionAffinity (ClientIP)", func(s *corev1.Service) { s.Spec.SessionAffinity = corev1.ServiceAffinityClientIP }},
		{beacon, "ipFamilies ([IPv6])", func(s *corev1.Service) { s.Spec.IPFamilies = []corev1.IPFamily{corev1.IPv6Protocol} }},
		{beacon, "ports (2)", func(s *corev1.Service) { s.Spec.Ports = append(s.Spec.Ports, corev1.ServicePort{Port: 2}) }},
		{beacon, "nodePort (none)", func(s *corev1.Service) { s.Spec.Ports[0].NodePort = 0 }},
		{beacon, "selector", func(s *corev1.Service) { s.Spec.Selector = map[string]string{"team": "a"} }},
		{beacon, "label lameduck.dev/family", func(s *corev1.Service) { delete(s.Labels, familyLabel) }},
		{beacon, "label service.kubernetes.io/service-proxy-name", func(s *corev1.Service) { s.Labels[serviceProxyName] = "mesh" }},
		{kind, "type (ClusterIP)", func(s *corev1.Service) { s.Spec.Type = corev1.ServiceTypeClusterIP }},
		{kind, "loadBalancerClass", func(s *corev1.Service) { s.Spec.LoadBalancerClass = nil }},
		{kind, "externalTrafficPolicy (Cluster)", func(s *corev1.Service) { s.Spec.ExternalTrafficPolicy = corev1.ServiceExternalTrafficPolicyCluster }},
		{kind, "healthCheckNodePort (none)", func(s *corev1.Service) { s.Spec.HealthCheckNodePort = 0 }},
	}
	for _, tt := range tests {
		t.Run(tt.which+tt.what, func(t *testing.T) {
			client := apiServer(t)
			client.PrependReactor("create", "services", func(action ktesting.Action) (bool, runtime.Object, error) {
				service := action.(ktesting.CreateAction).GetObject().(*corev1.Service)
				if service.GenerateName != tt.which {
					return false, nil, nil
				}
				service.Namespace, service.Name, service.Spec.HealthCheckNodePort, service.Spec.Ports[0].NodePort = action.GetNamespace(), tt.which+"x", 30000, 30001
				tt.alter(service)
				return true, service, client.Tracker().Create(action.GetResource(), service, action.GetNamespace())
			})
			_, err := newKubeStore(client, corev1.IPv4Protocol).Open(t.Context())
			if !errors.Is(err, ErrAltered) || !strings.Contains(err.Error(), "zz/"+tt.which+"x: "+tt.what+" is not as it was written") {
				t.Errorf("error %v", err)
			}
			left, err := client.CoreV1().Services("zz").List(t.Context(), metav1.ListOptions{})
			if err != nil || len(left.Items) > 0 {
				t.Errorf("%d Services are left, %v", len(left.Items), err)
			}
		})
	}
}

func TestAlteredSliceIsNamed(t *testing.T) {
	client := apiServer(t)
	client.PrependReactor("create", "endpointslices", func(action ktesting.Action) (bool, runtime.Object, error) {
		slice := action.(ktesting.CreateAction).GetObject().(*discoveryv1.EndpointSlice)
		slice.Ports[0].Port = ptr(int32(80))
		return false, nil, nil
	})
	store := newKubeStore(client, corev1.IPv4Protocol)
	service, err := store.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), service, Slice{Number: 20000}); !errors.Is(err, ErrAltered) {
		t.Errorf("error %v", err)
	}
}

// alteredStore can't open, because of err.
type alteredStore struct {
	Store
	opened atomic.Int32
	err    error
}

func (s *alteredStore) Open(context.Context) (Service, error) {
	s.opened.Add(1)
	return Service{}, s.err
}

// TestTriesAreBounded counts the tries of a day: 2,880 for what may pass by itself, a tenth
// of that for what needs a person.
func TestTriesAreBounded(t *testing.T) {
	for _, tt := range []struct {
		err       error
		low, high int
	}{
		{errors.New("connection refused"), 2_800, 2_900},
		{ErrAltered, 280, 300},
		{ErrNoAddress, 280, 300},
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, stop := context.WithTimeout(t.Context(), 24*time.Hour)
			defer stop()
			store, failed := &alteredStore{err: tt.err}, 0
			b := New(Config{Store: store, Failed: func(err error) {
				if failed++; !errors.Is(err, tt.err) {
					t.Errorf("told of %v", err)
				}
			}})
			b.SetNodes([]Node{{Name: "node1"}})
			done := make(chan error, 1)
			go func() { done <- b.Run(ctx) }()
			time.Sleep(time.Minute)
			if now := store.opened.Load(); now < 5 {
				t.Errorf("%v: %d tries in the first minute", tt.err, now)
			}
			passing, end := context.WithTimeout(t.Context(), time.Second)
			defer end()
			verdicts := b.Pass(passing, Change{ResourceVersion: 1})
			if len(verdicts) != 1 || !strings.Contains(verdicts[0].Why, tt.err.Error()) {
				t.Errorf("a pass tells %+v", verdicts)
			}
			if err := <-done; err != nil {
				t.Error(err)
			}
			if n := int(store.opened.Load()); n < tt.low || n > tt.high || failed < n-1 {
				t.Errorf("%v: %d tries in a day, told of %d", tt.err, n, failed)
			}
		})
	}
}
