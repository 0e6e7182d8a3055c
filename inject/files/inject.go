// Package files injects into the pod templates of manifest files, and leaves every byte
// that injection does not mean as it was.
package files

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/lameduck-dev/lameduck/inject"
	"github.com/lameduck-dev/lameduck/manifest"
	"github.com/lameduck-dev/lameduck/workload/fields"
	"github.com/lameduck-dev/lameduck/workload/v1alpha1"
)

// Options are what the files themselves do not say.
type Options struct {
	Settings  inject.Settings
	Namespace string // of objects that name none
	All       bool   // as if every namespace were opted in, where it does not say otherwise

	// Warn, if set, gives what else the owner of an injected object should know.
	Warn func(*manifest.Object) []string

	// Progress, if set, is told after each object how many of how many are done.
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
// order. Namespaces and DrainPolicies among the input count wherever they stand. A text
// that is changed was parsed again, and says what was meant and nothing else. The error
// joins one line for each bad object, with its file and line; there is no text then.
func Inject(files []*manifest.File, options Options) ([]string, []Report, error) {
	if err := options.Settings.Validate(); err != nil {
		return nil, nil, err
	}
	in := &input{options: options, namespaces: map[string]map[string]string{}, policies: map[string][]v1alpha1.DrainPolicy{}, services: map[string][]corev1.Service{}, ingresses: map[string][]networkingv1.Ingress{}}
	total := 0
	for _, file := range files {
		for _, object := range file.Objects {
			in.index(object)
			total++
		}
	}
	var texts []string
	done := 0
	for _, file := range files {
		values := map[*manifest.Node]any{}
		for _, object := range file.Objects {
			in.change(object, values)
			if done++; options.Progress != nil {
				options.Progress(done, total)
			}
		}
		text, err := manifest.Change(file, values)
		if err != nil {
			in.errs = append(in.errs, fmt.Errorf("%s: %w", file.Path, err))
		}
		texts = append(texts, text)
	}
	if len(in.errs) > 0 {
		return nil, nil, errors.Join(in.errs...)
	}
	return texts, in.reports, nil
}

type input struct {
	options    Options
	namespaces map[string]map[string]string // labels
	policies   map[string][]v1alpha1.DrainPolicy
	services   map[string][]corev1.Service
	ingresses  map[string][]networkingv1.Ingress
	reports    []Report
	errs       []error
}

func (in *input) fail(o *manifest.Object, node *manifest.Node, err error) {
	in.errs = append(in.errs, fmt.Errorf("%s:%d: %w", o.File.Path, o.File.Span(node).Line, err))
}

// index remembers what decides about pods.
func (in *input) index(object *manifest.Object) {
	switch kind, version := object.Kind, object.APIVersion; {
	case kind == "Namespace" && version == "v1":
		var ns corev1.Namespace
		if err := decode(object.Root, &ns); err != nil {
			in.fail(object, object.Root, fmt.Errorf("reading the Namespace: %w", err))
			return
		}
		in.namespaces[ns.Name] = ns.Labels
	case kind == "Service" && version == "v1":
		var service corev1.Service
		if err := decode(object.Root, &service); err != nil {
			if object.Spec("clusterIP").Str() == corev1.ClusterIPNone {
				in.fail(object, object.Root, fmt.Errorf("reading the Service: %w", err))
			}
			return // another one's errors don't matter to pods
		}
		namespace := in.namespace(service.Namespace)
		in.services[namespace] = append(in.services[namespace], service)
	case kind == "Ingress" && version == networkingv1.SchemeGroupVersion.String():
		var ingress networkingv1.Ingress
		if err := decode(object.Root, &ingress); err != nil {
			return
		}
		namespace := in.namespace(ingress.Namespace)
		in.ingresses[namespace] = append(in.ingresses[namespace], ingress)
	case kind == "DrainPolicy" && version == v1alpha1.GroupVersion.String():
		var policy v1alpha1.DrainPolicy
		for _, unknown := range fields.Check(object.Root, reflect.TypeFor[v1alpha1.DrainPolicy]()) {
			if unknown.Wants == "" {
				in.fail(object, unknown.Node, fmt.Errorf("DrainPolicy %s: %s", object.Name, unknown))
				return
			}
		}
		err := decode(object.Root, &policy)
		if err == nil {
			err = inject.CheckPolicy(&policy)
		}
		if err != nil {
			in.fail(object, place(object.Root, err), fmt.Errorf("DrainPolicy %s: %w", policy.Name, err))
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
func (r Report) String() string { return strings.Join(r.Lines(), "\n  ") }

// Lines are what became of the object, and each note.
func (r Report) Lines() []string {
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
	return slices.Concat([]string{b.String()}, r.Notes, r.Warnings)
}
