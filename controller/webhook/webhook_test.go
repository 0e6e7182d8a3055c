package webhook

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	admissionv1 "k8s.io/api/admission/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/lameduck-dev/lameduck/agent/seal"
	"github.com/lameduck-dev/lameduck/inject"
)

type source struct {
	labels   map[string]string
	settings inject.Settings
	err      error
	panics   bool
}

func (s source) Surroundings(context.Context, string) (inject.Surroundings, error) {
	if s.panics {
		panic("lost")
	}
	return inject.Surroundings{NamespaceLabels: s.labels}, s.err
}

func (s source) Settings(context.Context) (inject.Settings, error) { return s.settings, nil }

const plain = `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"cart-"},"spec":{"fieldOfTomorrow":{"a":1},"containers":[{"name":"app","image":"app","ports":[{"containerPort":8080}]}]}}`

func TestHandle(t *testing.T) {
	_, public, err := seal.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	good := source{
		labels:   map[string]string{inject.Label: "true"},
		settings: inject.Settings{AgentImage: "registry.local/lameduck-agent:dev", HubAddresses: []string{"10.96.0.1:80"}, HubKey: public},
	}
	with := func(change func(*source)) source {
		s := good
		change(&s)
		return s
	}
	tests := []struct {
		name    string
		source  source
		pod     string
		count   string
		patched bool
		warning string
	}{
		{"injected", good, plain, "injected", true, ""},
		{"nobody asked", with(func(s *source) { s.labels = nil }), plain, "untouched", false, ""},
		{"on the host's network", good, strings.Replace(plain, `"spec":{`, `"spec":{"hostNetwork":true,`, 1), "skipped", true, ""},
		{"nonsense asked", good, strings.Replace(plain, `"metadata":{`, `"metadata":{"annotations":{"lameduck.dev/stop":"soon"},`, 1), "failed", false, "lameduck.dev/stop"},
		{"not a pod", good, `[]`, "failed", false, "reading the pod"},
		{"policies can't be read", with(func(s *source) { s.err = errors.New("no cache") }), plain, "failed", false, "no cache"},
		{"a bug", with(func(s *source) { s.panics = true }), plain, "failed", false, "panic: lost"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var counted []string
			h := &Handler{Source: tt.source, Log: slog.New(slog.DiscardHandler), Count: func(result string) { counted = append(counted, result) }}
			request := admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Version: "v1", Resource: "pods"}, Namespace: "shop"}}
			request.Object.Raw = []byte(tt.pod)
			response := h.Handle(t.Context(), request)
			if !response.Allowed {
				t.Fatalf("the pod was refused: %+v", response)
			}
			if diff := cmp.Diff([]string{tt.count}, counted); diff != "" {
				t.Error(diff)
			}
			if patched := len(response.Patches) > 0; patched != tt.patched {
				t.Errorf("patched: %v, want %v", patched, tt.patched)
			}
			if got := strings.Join(response.Warnings, " "); tt.warning == "" && got != "" || !strings.Contains(got, tt.warning) {
				t.Errorf("warnings %q, want %q", got, tt.warning)
			}
			for _, patch := range response.Patches {
				if patch.Operation == "remove" {
					t.Errorf("the patch takes something away: %v", patch)
				}
			}
		})
	}
}

func TestOnlyNewPods(t *testing.T) {
	h := &Handler{}
	for _, request := range []admissionv1.AdmissionRequest{
		{Operation: admissionv1.Update, Resource: metav1.GroupVersionResource{Resource: "pods"}},
		{Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Resource: "deployments"}},
		{Operation: admissionv1.Create, Resource: metav1.GroupVersionResource{Resource: "pods"}, SubResource: "eviction"},
	} {
		if response := h.Handle(t.Context(), admission.Request{AdmissionRequest: request}); !response.Allowed || len(response.Patches) > 0 {
			t.Errorf("%v %v: %+v", request.Operation, request.Resource, response)
		}
	}
}
