package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/fields"
)

// change notes what an object's pod template shall say.
func (in *input) change(object *manifest.Object, to map[*manifest.Node]any) {
	path, ok := workload.TemplatePath(object.APIVersion, object.Kind)
	template := object.Root.Get(path...)
	namespace := in.namespace(object.Namespace)
	name := object.Kind + " " + namespace + "/" + object.Name
	report := Report{Path: object.File.Path, Line: object.File.Span(object.Root).Line, Object: name}
	if !ok || !template.Set() {
		if why := leftOut(object); why != "" {
			report.Result = inject.Result{OptedIn: true, Skipped: why}
			in.reports = append(in.reports, report)
		}
		return
	}
	var pod corev1.Pod
	if field, token := object.File.TokenIn(template); token != "" {
		in.fail(object, field, fmt.Errorf("%s: behind %s stands %s, a comment to YAML: fill it in first, or write the value", name, field.Key, token))
		return
	}
	if err := decode(template, &pod); err != nil {
		in.fail(object, template, fmt.Errorf("%s: %w", name, err))
		return
	}
	result, err := inject.Pod(&pod, in.around(namespace), in.options.Settings)
	if err != nil {
		in.fail(object, place(template, err), fmt.Errorf("%s: %w", name, err))
		return
	}
	if result.OptedIn {
		unknown, err := misspelt(template, reflect.TypeFor[corev1.Pod]())
		if err != nil {
			in.fail(object, err.Node, fmt.Errorf("%s: %s", name, err))
			return
		}
		result.Warnings = append(result.Warnings, unknown...)
	} else if result.Because == inject.NobodyAsked && len(path) > 0 && object.Root.Get("metadata", "labels", inject.Label).Set() {
		result.Because = "label " + inject.Label + " is on the " + object.Kind + " itself, where it opts nothing in: it belongs at " + strings.Join(path, ".") + ".metadata.labels"
	}
	if result.Skipped != "" && inject.ReadStatus(pod.Annotations) == nil {
		// The webhook will say so on the pod; a file need not be changed for that.
		result.Changes = nil
	}
	if result.OptedIn && result.Skipped == "" && in.options.Warn != nil {
		result.Warnings = append(result.Warnings, in.options.Warn(object)...)
	}
	report.Result = result
	in.reports = append(in.reports, report)
	if len(result.Changes) == 0 {
		return
	}
	from, err := values(&pod)
	if err == nil {
		var after map[string]any
		if after, err = values(result.Pod); err == nil {
			to[template] = manifest.Merge(template.Data(), from, after)
			return
		}
	}
	in.fail(object, template, fmt.Errorf("%s: %w", name, err))
}

// leftOut says why nothing is injected into an object that makes pods; empty if it makes none.
func leftOut(object *manifest.Object) string {
	ref := object.Spec("workloadRef")
	switch {
	case object.Group() == "argoproj.io" && object.Kind == "Rollout" && ref != nil:
		return "its pods are made of the template of " + ref.Get("kind").Str() + " " + ref.Get("name").Str()
	case !workload.HoldsPods(object):
		return ""
	case object.Group() == workload.Knative:
		return "Knative refuses preStop hooks; its own proxy drains"
	}
	return "how a " + object.Kind + " makes its pods is not known; where the webhook is installed, it injects them when they are made"
}

// values are the pod's fields as its JSON has them, without what that always has for every
// container: a file need not say that there is nothing.
func values(pod *corev1.Pod) (map[string]any, error) {
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(pod)
	if err != nil {
		return nil, err
	}
	spec, _ := fields["spec"].(map[string]any)
	for _, list := range []string{"initContainers", "containers"} {
		items, _ := spec[list].([]any)
		for _, item := range items {
			container, _ := item.(map[string]any)
			if resources, _ := container["resources"].(map[string]any); len(resources) == 0 {
				delete(container, "resources")
			}
		}
	}
	return fields, nil
}

func (in *input) around(namespace string) inject.Surroundings {
	around := inject.Surroundings{NamespaceLabels: in.namespaces[namespace], Policies: in.policies[namespace], Rights: inject.PolicyRights{Any: true}}
	around.Serve(in.services[namespace], in.ingresses[namespace])
	if _, said := around.NamespaceLabels[inject.Label]; in.options.All && !said {
		around.NamespaceLabels, around.Because = map[string]string{inject.Label: "true"}, "--all"
	}
	return around
}

// misspelt looks for fields that the API does not know. One that is nearly a known one is an error:
// the API server reads it as nothing, or refuses the object. Others may be of a newer Kubernetes.
func misspelt(node *manifest.Node, as reflect.Type) (unknown []string, wrong *fields.Problem) {
	for _, p := range fields.Check(node, as) {
		switch {
		case p.Wants != "": // decode has refused what matters
		case p.Near != "":
			return nil, &p
		default:
			unknown = append(unknown, p.String()+": is it misspelt?")
		}
	}
	return unknown, nil
}

// decode reads a tree into an API type, as the API server would read its text.
func decode(node *manifest.Node, into any) error {
	if err := yaml.Unmarshal([]byte(node.Text()), into); err != nil {
		var kind *json.UnmarshalTypeError
		if errors.As(err, &kind) {
			return fmt.Errorf("%s is %s, where the API wants something else: correct it", kind.Field, kind.Value)
		}
		_, cause, found := strings.Cut(err.Error(), "while decoding JSON: ")
		if !found {
			return err
		}
		return errors.New(cause)
	}
	return nil
}
