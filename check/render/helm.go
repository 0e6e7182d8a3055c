package render

import (
	"errors"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/lameduck-dev/lameduck/manifest"
)

// chart renders a chart as `helm template` does, with the release's name taken
// from the chart and its namespace left open.
func (r *Renderer) chart(dir string) ([]*manifest.File, []manifest.Problem) {
	c, err := r.loadChart(dir)
	if err != nil {
		return nil, problem(dir, err)
	}
	if c.Metadata.Type == "library" {
		return nil, nil
	}
	values, err := r.values()
	if err != nil {
		return nil, problem(dir, err)
	}
	var lack []manifest.Problem
	if missing := missing(c, values); len(missing) > 0 {
		lack = problem(dir, fmt.Errorf("left out: dependencies %s, which are not in charts/; run helm dependency build first", strings.Join(missing, ", ")))
	}
	rendered, err := r.render(c, values)
	if err != nil {
		return nil, append(lack, problem(dir, err)...)
	}
	sources := templates(c, c.Name())
	if r.charts == nil {
		r.charts = map[*manifest.File]string{}
	}
	var files []*manifest.File
	problems := lack
	for _, name := range slices.Sorted(maps.Keys(rendered)) {
		text := rendered[name]
		if base := path.Base(name); strings.HasPrefix(base, "_") || base == "NOTES.txt" || strings.TrimSpace(text) == "" || strings.Contains(name, "/templates/tests/") {
			continue
		}
		_, inChart, _ := strings.Cut(name, "/")
		f, failed := parse(filepath.Join(dir, inChart), text, sources[name])
		r.charts[f] = dir
		files, problems = append(files, f), append(problems, failed...)
	}
	return files, problems
}

// values are the chart's own, with the files of the command line over them.
func (r *Renderer) values() (chartutil.Values, error) {
	over := chartutil.Values{}
	for i, path := range r.Values {
		if i == len(r.texts) { // a pipe gives its text once
			text, err := manifest.ReadNamed(path, manifest.MaxBytes)
			if err != nil {
				return nil, err
			}
			r.texts = append(r.texts, text)
		}
		next, err := chartutil.ReadValues(r.texts[i])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		over = chartutil.CoalesceTables(next, over)
	}
	return over, nil
}

func (r *Renderer) render(c *chart.Chart, values chartutil.Values) (map[string]string, error) {
	if err := chartutil.ProcessDependencies(c, values); err != nil {
		return nil, err
	}
	capabilities := chartutil.DefaultCapabilities.Copy()
	version, err := chartutil.ParseKubeVersion("v" + r.KubernetesVersion + ".0")
	if err != nil {
		return nil, err
	}
	capabilities.KubeVersion = *version
	all, err := chartutil.ToRenderValues(c, values, chartutil.ReleaseOptions{Name: c.Name(), Namespace: "default", Revision: 1, IsInstall: true}, capabilities)
	if err != nil {
		return nil, err
	}
	out, err := engine.Engine{}.Render(c, all)
	if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "execution error at "))
	}
	return out, nil
}

// missing are the dependencies that Chart.yaml names, that the values switch on, and that
// charts/ lacks.
func missing(c *chart.Chart, over chartutil.Values) []string {
	values := chartutil.CoalesceTables(maps.Clone(over), maps.Clone(c.Values))
	var out []string
	for _, d := range c.Metadata.Dependencies {
		have := slices.ContainsFunc(c.Dependencies(), func(have *chart.Chart) bool { return have.Name() == d.Name })
		if !have && enabled(d, values) {
			out = append(out, d.Name)
		}
	}
	return out
}

// enabled reports whether values switch a dependency on, as Helm decides it: the first condition
// that is set, else its tags, else yes.
func enabled(d *chart.Dependency, values chartutil.Values) bool {
	for path := range strings.SplitSeq(d.Condition, ",") {
		if value, err := values.PathValue(strings.TrimSpace(path)); err == nil {
			if on, ok := value.(bool); ok {
				return on
			}
		}
	}
	tags, err := values.Table("tags")
	off := false
	for _, tag := range d.Tags {
		if on, ok := tags[tag].(bool); ok && err == nil {
			if on {
				return true
			}
			off = true
		}
	}
	return !off
}

// templates are the sources of a chart's templates and its subcharts', by the
// names under which the engine renders them.
func templates(c *chart.Chart, under string) map[string]string {
	out := map[string]string{}
	for _, t := range c.Templates {
		out[path.Join(under, t.Name)] = string(t.Data)
	}
	for _, sub := range c.Dependencies() {
		maps.Copy(out, templates(sub, path.Join(under, "charts", sub.Name())))
	}
	return out
}
