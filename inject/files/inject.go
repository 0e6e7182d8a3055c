package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v3"
	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Options are what the files themselves do not say.
type Options struct {
	Settings  inject.Settings
	Namespace string // of objects that name none
	All       bool   // as if every namespace were opted in, where it does not say otherwise

	// Progress, if set, is told after each document how many of how many are done.
	Progress func(done, total int)
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
// Files are taken as the strict reader of package manifest accepted them: no broken text, no key
// that stands twice, no aliases without end.
func Inject(files []*manifest.File, options Options) ([]string, []Report, error) {
	if err := options.Settings.Validate(); err != nil {
		return nil, nil, err
	}
	in := &input{options: options, namespaces: map[string]map[string]string{}, policies: map[string][]v1alpha1.DrainPolicy{}, headless: map[string][]map[string]string{}}
	for _, file := range files {
		in.read(file)
	}
	in.changeAll()
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

// changeAll goes through the documents once all of them are known.
func (in *input) changeAll() {
	all := slices.Concat(in.files...)
	for i, d := range all {
		in.change(d)
		if in.options.Progress != nil {
			in.options.Progress(i+1, len(all))
		}
	}
}

type input struct {
	options    Options
	files      [][]*document
	namespaces map[string]map[string]string // labels
	policies   map[string][]v1alpha1.DrainPolicy
	headless   map[string][]map[string]string // selectors of the headless Services
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
func (in *input) read(file *manifest.File) {
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
			in.fail(d, object, fmt.Errorf("reading the Namespace: %w", err))
			return
		}
		in.namespaces[ns.Name] = ns.Labels
	case kind == "Service" && version == "v1" && text(get(object, "spec"), "clusterIP") == corev1.ClusterIPNone:
		var service corev1.Service
		if err := decode(object, &service); err != nil {
			in.fail(d, object, fmt.Errorf("reading the Service: %w", err))
			return
		}
		namespace := in.namespace(service.Namespace)
		in.headless[namespace] = append(in.headless[namespace], service.Spec.Selector)
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
