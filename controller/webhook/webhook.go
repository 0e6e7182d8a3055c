// Package webhook answers the API server about new pods. It never keeps a pod from starting:
// whatever goes wrong, the pod is admitted unchanged, with a warning.
package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/lameduck-dev/lameduck/inject"
)

// Source knows what surrounds a pod.
type Source interface {
	Surroundings(ctx context.Context, namespace string) (inject.Surroundings, error)
	Settings(ctx context.Context) (inject.Settings, error)
}

// Handler answers for pods.
type Handler struct {
	Source Source
	Log    *slog.Logger
	// Count is told what became of each pod: injected, skipped, untouched or failed.
	Count func(result string)
}

// Handle injects what the pod's owner asked for.
func (h *Handler) Handle(ctx context.Context, request admission.Request) (response admission.Response) {
	defer func() {
		if p := recover(); p != nil {
			response = h.fail(request, fmt.Errorf("panic: %v", p))
		}
	}()
	if request.Operation != admissionv1.Create || request.Resource.Resource != "pods" || request.SubResource != "" {
		return admission.Allowed("")
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return h.fail(request, fmt.Errorf("reading the pod: %w", err))
	}
	around, err := h.Source.Surroundings(ctx, request.Namespace)
	if err != nil {
		return h.fail(request, err)
	}
	settings, err := h.Source.Settings(ctx)
	if err != nil {
		return h.fail(request, err)
	}
	result, err := inject.Pod(&pod, around, settings)
	if err != nil {
		return h.fail(request, err)
	}
	switch {
	case !result.OptedIn:
		h.Count("untouched")
	case result.Skipped != "":
		h.Count("skipped")
	default:
		h.Count("injected")
	}
	if len(result.Changes) == 0 {
		return admission.Allowed("").WithWarnings(result.Warnings...)
	}
	changed, err := merge(request.Object.Raw, &pod, result.Pod)
	if err != nil {
		return h.fail(request, fmt.Errorf("changing the pod: %w", err))
	}
	response = admission.PatchResponseFromRaw(request.Object.Raw, changed)
	if !response.Allowed {
		return h.fail(request, fmt.Errorf("making the patch: %v", response.Result))
	}
	return response.WithWarnings(result.Warnings...)
}

// fail admits the pod unchanged.
func (h *Handler) fail(request admission.Request, err error) admission.Response {
	h.Count("failed")
	h.Log.Warn("webhook: pod admitted as it is", "namespace", request.Namespace, "name", request.Name, "error", err)
	response := admission.Allowed("")
	return response.WithWarnings("lameduck: the pod starts without its hook: " + err.Error())
}
