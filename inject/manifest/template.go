package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/inject"
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
	path, ok := templateOf(text(object, "apiVersion"), text(object, "kind"))
	template := get(object, path...)
	if !ok || template == nil {
		return false, nil
	}
	meta := get(object, "metadata")
	namespace := in.namespace(text(meta, "namespace"))
	name := text(object, "kind") + " " + namespace + "/" + text(meta, "name") + text(meta, "generateName")

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
	labels := in.namespaces[namespace]
	if _, said := labels[inject.Label]; in.options.All && !said {
		labels = map[string]string{inject.Label: "true"}
	}
	return inject.Surroundings{NamespaceLabels: labels, Policies: in.policies[namespace], Rights: inject.PolicyRights{Any: true}}
}

// templateOf is where a kind keeps the pod that it makes.
func templateOf(version, kind string) ([]string, bool) {
	switch version + "/" + kind {
	case "v1/Pod":
		return nil, true
	case "apps/v1/Deployment", "apps/v1/StatefulSet", "apps/v1/DaemonSet", "apps/v1/ReplicaSet", "v1/ReplicationController", "batch/v1/Job":
		return []string{"spec", "template"}, true
	case "batch/v1/CronJob":
		return []string{"spec", "jobTemplate", "spec", "template"}, true
	}
	return nil, false
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
