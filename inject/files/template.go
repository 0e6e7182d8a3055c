package files

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload"
)

// change injects into every template of a document and gives it its new text.
func (in *input) change(d *document) {
	if d.root == nil {
		return
	}
	layout := formatOf(d.root, d.text)
	before, beforeErr := layout.encode(d.root)
	changed := false
	for _, object := range d.objects() {
		did, err := in.changeObject(d, object)
		if err != nil {
			return
		}
		changed = changed || did
	}
	if !changed {
		return
	}
	after, err := layout.encode(d.root)
	if err = errors.Join(beforeErr, err); err != nil {
		in.fail(d, nil, err)
		return
	}
	result, ok := merge(strings.ReplaceAll(d.text, "\r\n", "\n"), before, after)
	if !ok || !equal(result, after) {
		result = after
	}
	if strings.Contains(d.text, "\r\n") {
		result = strings.ReplaceAll(result, "\n", "\r\n")
	}
	d.text = result
}

// equal reports whether two documents say the same.
func equal(a, b string) bool {
	var x, y any
	return yaml.Unmarshal([]byte(a), &x) == nil && yaml.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}

func (in *input) changeObject(d *document, object *yaml.Node) (bool, error) {
	path, ok := workload.TemplatePath(text(object, "apiVersion"), text(object, "kind"))
	template := get(object, path...)
	meta := get(object, "metadata")
	namespace := in.namespace(text(meta, "namespace"))
	name := text(object, "kind") + " " + namespace + "/" + text(meta, "name") + text(meta, "generateName")
	if !ok || template == nil {
		if why := leftOut(object); why != "" && in.around(namespace).NamespaceLabels[inject.Label] == "true" {
			in.reports = append(in.reports, Report{Path: d.path, Line: d.line + object.Line - 1, Object: name, Result: inject.Result{OptedIn: true, Skipped: why}})
		}
		return false, nil
	}

	var pod corev1.Pod
	if err := decode(template, &pod); err != nil {
		in.fail(d, template, fmt.Errorf("%s: %w", name, err))
		return false, err
	}
	result, err := inject.Pod(&pod, in.around(namespace), in.options.Settings)
	if err != nil {
		in.fail(d, place(template, err), fmt.Errorf("%s: %w", name, err))
		return false, err
	}
	if result.Skipped != "" && inject.ReadStatus(pod.Annotations) == nil {
		// The webhook will say so on the pod; a file need not be changed for that.
		result.Changes = nil
	}
	in.reports = append(in.reports, Report{Path: d.path, Line: d.line + object.Line - 1, Object: name, Result: result})
	if len(result.Changes) == 0 {
		return false, nil
	}
	from, err := values(&pod)
	if err != nil {
		return false, err
	}
	to, err := values(result.Pod)
	if err != nil {
		return false, err
	}
	if err := edit(template, from, to); err != nil {
		in.fail(d, template, fmt.Errorf("%s: %w", name, err))
		return false, err
	}
	return true, nil
}

// leftOut says why nothing is injected into an object that makes pods; empty if it makes none.
func leftOut(object *yaml.Node) string {
	group, _, _ := strings.Cut(text(object, "apiVersion"), "/")
	switch kind := text(object, "kind"); {
	case group == "argoproj.io" && kind == "Rollout" && get(object, "spec", "workloadRef") != nil:
		ref := get(object, "spec", "workloadRef")
		return "its pods are made of the template of " + text(ref, "kind") + " " + text(ref, "name")
	case group == "serving.knative.dev":
		return "Knative refuses preStop hooks; its own proxy drains"
	case strings.Contains(group, ".") && kind != "CustomResourceDefinition" && holdsContainers(get(object, "spec")):
		return "how a " + kind + " makes its pods is not known; where the webhook is installed, it injects them when they are made"
	}
	return ""
}

// holdsContainers reports whether there is a list of containers at or below a node.
func holdsContainers(node *yaml.Node) bool {
	if node == nil {
		return false
	}
	if list := get(node, "containers"); list != nil && list.Kind == yaml.SequenceNode && len(list.Content) > 0 && text(list.Content[0], "image") != "" {
		return true
	}
	return slices.ContainsFunc(node.Content, holdsContainers)
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
	around := inject.Surroundings{NamespaceLabels: in.namespaces[namespace], Policies: in.policies[namespace], Headless: in.headless[namespace], Rights: inject.PolicyRights{Any: true}}
	if _, said := around.NamespaceLabels[inject.Label]; in.options.All && !said {
		around.NamespaceLabels, around.Because = map[string]string{inject.Label: "true"}, "--all"
	}
	return around
}

// decode reads a tree into an API type, as the API server would read its text.
func decode(node *yaml.Node, into any) error {
	data, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	if err := sigsyaml.Unmarshal(data, into); err != nil {
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
