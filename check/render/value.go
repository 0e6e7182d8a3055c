package render

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"sigs.k8s.io/yaml"

	"github.com/lameduck-dev/lameduck/manifest"
)

// maxTries bounds how often a chart is rendered for one finding.
const maxTries = 12

// NameValue says which of a chart's values to change so that a rendered object gets what a fix
// wants, "" if none does all of it. It does not guess: it sets a value that has the field's name,
// or its text, renders the chart again and looks.
func (r *Renderer) NameValue(o *manifest.Object, edits []manifest.Edit) string {
	dir, ok := r.charts[o.File]
	if !ok {
		return ""
	}
	var parts []string
	for _, e := range edits {
		path, want, ok := e.Target(o.Root)
		if !ok {
			return ""
		}
		name := r.valueFor(dir, o, path, want)
		if name == "" {
			return ""
		}
		parts = append(parts, fmt.Sprintf("%s: %s", name, want))
	}
	return strings.Join(parts, ", ")
}

func (r *Renderer) valueFor(dir string, o *manifest.Object, path []string, want *manifest.Node) string {
	c, err := r.loadChart(dir)
	if err != nil {
		return ""
	}
	over, err := r.values()
	if err != nil {
		return ""
	}
	field, now := path[len(path)-1], o.Root.Walk(path).Str()
	names := candidates(c.Values, field, now)
	for _, name := range names[:min(len(names), maxTries)] {
		var value any
		if err := yaml.Unmarshal([]byte(want.String()), &value); err != nil {
			return ""
		}
		if r.gives(dir, over, name, value, o, path, want) {
			return strings.Join(name, ".")
		}
	}
	return ""
}

// gives renders the chart with one value changed and looks at the field.
func (r *Renderer) gives(dir string, over map[string]any, name []string, value any, o *manifest.Object, path []string, want *manifest.Node) bool {
	// Rendering changes a chart's own values, so each try has its own.
	c, err := r.loadChart(dir)
	if err != nil {
		return false
	}
	rendered, err := r.render(c, set(over, name, value))
	if err != nil {
		return false
	}
	text := rendered[templateName(c, dir, o.File.Path)]
	file, _ := manifest.Parse(o.File.Path, text)
	for _, each := range file.Objects {
		if each.Kind == o.Kind && each.Name == o.Name && manifest.SameValue(each.Root.Walk(path), want) {
			return true
		}
	}
	return false
}

// templateName is the name under which the engine renders a file.
func templateName(c *chart.Chart, dir, path string) string {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return ""
	}
	return c.Name() + "/" + filepath.ToSlash(rel)
}

// candidates are the values that may set a field: those of its name come first (lifecycle, also as
// in lifecycleHooks), then those that hold its present text.
func candidates(values map[string]any, field, now string) [][]string {
	var named, holding [][]string
	var walk func(values map[string]any, under []string)
	walk = func(values map[string]any, under []string) {
		for key, value := range values {
			name := append(slices.Clone(under), key)
			switch {
			case strings.HasPrefix(key, "_"):
				name = nil // a chart's own: what is below it is set without it
			case strings.HasPrefix(strings.ToLower(key), strings.ToLower(field)):
				named = append(named, name)
			case now != "" && fmt.Sprint(value) == now:
				holding = append(holding, name)
			}
			if below, ok := value.(map[string]any); ok {
				walk(below, name)
			}
		}
	}
	walk(values, nil)
	for _, list := range [][][]string{named, holding} {
		slices.SortFunc(list, func(a, b []string) int {
			if len(a) != len(b) {
				return len(a) - len(b)
			}
			return slices.Compare(a, b)
		})
	}
	return append(named, holding...)
}

// set is a copy of the values with one changed.
func set(values map[string]any, name []string, value any) map[string]any {
	out := map[string]any{}
	for k, v := range values {
		out[k] = v
	}
	if len(name) == 1 {
		out[name[0]] = value
		return out
	}
	below, _ := out[name[0]].(map[string]any)
	out[name[0]] = set(below, name[1:], value)
	return out
}
