package manifest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	sigsyaml "sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/workload"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Options are what the files themselves do not say.
type Options struct {
	Settings  inject.Settings
	Namespace string // of objects that name none
	All       bool   // as if every namespace were opted in, where it does not say otherwise
}

// Report is what became of one object that has a pod template.
type Report struct {
	Path   string
	Line   int
	Object string // Deployment shop/web
	inject.Result
}

// Inject changes the pod templates in the files and gives the files' new texts, in their
// order. Namespaces and DrainPolicies among the input count wherever they stand. Documents
// that are not changed stay byte for byte. The error joins one line for each bad document,
// with its file and line; there is no text then.
//
// Files are taken as the strict reader of workload accepted them: no broken text, no key
// that stands twice, no aliases without end.
func Inject(files []*workload.File, options Options) ([]string, []Report, error) {
	if err := options.Settings.Validate(); err != nil {
		return nil, nil, err
	}
	in := &input{options: options, namespaces: map[string]map[string]string{}, policies: map[string][]v1alpha1.DrainPolicy{}}
	for _, file := range files {
		in.read(file)
	}
	for _, docs := range in.files {
		for _, d := range docs {
			in.change(d)
		}
	}
	if len(in.errs) > 0 {
		return nil, nil, errors.Join(in.errs...)
	}
	var texts []string
	for _, docs := range in.files {
		var b strings.Builder
		for _, d := range docs {
			b.WriteString(d.text)
			b.WriteString(d.after)
		}
		texts = append(texts, b.String())
	}
	return texts, in.reports, nil
}

type input struct {
	options    Options
	files      [][]*document
	namespaces map[string]map[string]string // labels
	policies   map[string][]v1alpha1.DrainPolicy
	reports    []Report
	errs       []error
}

func (in *input) fail(d *document, node *yaml.Node, err error) {
	line := d.line
	if node != nil && node.Line > 0 {
		line += node.Line - 1
	}
	in.errs = append(in.errs, fmt.Errorf("%s:%d: %w", d.path, line, err))
}

// read takes a file's documents in.
func (in *input) read(file *workload.File) {
	docs := split(file.Path, file.Src)
	in.files = append(in.files, docs)
	for _, d := range docs {
		if err := d.parse(); err != nil {
			in.errs = append(in.errs, err)
			continue
		}
		for _, object := range d.objects() {
			in.index(d, object)
		}
	}
}

// objects are the document's object, or the items of its List.
func (d *document) objects() []*yaml.Node {
	if d.root == nil {
		return nil
	}
	found := []*yaml.Node{d.root.Content[0]}
	for i := 0; i < len(found); i++ {
		if items := get(found[i], "items"); items != nil && strings.HasSuffix(text(found[i], "kind"), "List") {
			found = slices.Concat(found[:i], items.Content, found[i+1:])
			i--
		}
	}
	return found
}

// index remembers what decides about pods.
func (in *input) index(d *document, object *yaml.Node) {
	switch kind, version := text(object, "kind"), text(object, "apiVersion"); {
	case kind == "Namespace" && version == "v1":
		var ns corev1.Namespace
		if err := decode(object, &ns); err != nil {
			in.fail(d, object, fmt.Errorf("Namespace: %w", err))
			return
		}
		in.namespaces[ns.Name] = ns.Labels
	case kind == "DrainPolicy" && version == v1alpha1.GroupVersion.String():
		var policy v1alpha1.DrainPolicy
		err := decode(object, &policy)
		if err == nil {
			err = inject.CheckPolicy(&policy)
		}
		if err != nil {
			in.fail(d, place(object, err), fmt.Errorf("DrainPolicy %s: %w", policy.Name, err))
			return
		}
		namespace := in.namespace(policy.Namespace)
		in.policies[namespace] = append(in.policies[namespace], policy)
	}
}

func (in *input) namespace(named string) string {
	if named == "" {
		return in.options.Namespace
	}
	return named
}

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
	var whole metav1.PartialObjectMetadata
	if err := decode(object, &whole); err != nil {
		in.fail(d, object, err)
		return false, err
	}
	namespace := in.namespace(whole.Namespace)
	name := whole.Kind + " " + namespace + "/" + whole.Name + whole.GenerateName

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
	return inject.Surroundings{NamespaceLabels: labels, Policies: in.policies[namespace]}
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

// get walks down by keys; nil if there is nothing.
func get(node *yaml.Node, path ...string) *yaml.Node {
	for _, key := range path {
		if node == nil || node.Kind != yaml.MappingNode {
			return nil
		}
		i := index(node, key)
		if i < 0 {
			return nil
		}
		node = node.Content[i+1]
	}
	return node
}

func text(node *yaml.Node, key string) string {
	if value := get(node, key); value != nil {
		return value.Value
	}
	return ""
}

// place is the node that an error is about: the deepest one on the path of an *Invalid.
func place(node *yaml.Node, err error) *yaml.Node {
	var invalid *inject.Invalid
	if !errors.As(err, &invalid) {
		return node
	}
	for _, step := range invalid.Path {
		next := get(node, step)
		if name, ok := strings.CutPrefix(step, "["); ok && node.Kind == yaml.SequenceNode {
			next = named(node, strings.TrimSuffix(name, "]"))
		}
		if next == nil {
			break
		}
		node = next
	}
	return node
}

func named(list *yaml.Node, name string) *yaml.Node {
	for _, item := range list.Content {
		if text(item, "name") == name || text(item, "mountPath") == name {
			return item
		}
	}
	return nil
}

// String says in one line, and one more for each note, what became of the object.
func (r Report) String() string {
	var b strings.Builder
	b.WriteString(r.Object + ": ")
	switch {
	case !r.OptedIn && len(r.Changes) > 0:
		b.WriteString(strings.Join(r.Changes, ", ") + " (" + r.Because + ")")
	case !r.OptedIn:
		b.WriteString("left as it is: " + r.Because)
	case r.Skipped != "":
		b.WriteString("skipped: " + r.Skipped)
	case len(r.Changes) == 0:
		b.WriteString("injected already (" + r.Because + ")")
	default:
		b.WriteString(strings.Join(r.Changes, ", ") + " (" + r.Because + ")")
	}
	for _, note := range slices.Concat(r.Notes, r.Warnings) {
		b.WriteString("\n  " + note)
	}
	return b.String()
}
