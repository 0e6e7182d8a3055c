package render

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/chartutil"
	"helm.sh/helm/v3/pkg/engine"

	"github.com/lameduck-dev/lameduck/workload"
)

// chart renders a chart as `helm template` does, with the release's name taken
// from the chart and its namespace left open.
func (r *Renderer) chart(dir string) ([]*workload.File, []workload.Problem) {
	c, err := loader.LoadDir(dir)
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
	rendered, err := r.render(c, values)
	if err != nil {
		return nil, problem(dir, err)
	}
	sources := templates(c, c.Name())
	if r.charts == nil {
		r.charts = map[*workload.File]string{}
	}
	var files []*workload.File
	var problems []workload.Problem
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
	for _, path := range r.Values {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		next, err := chartutil.ReadValues(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		over = chartutil.CoalesceTables(next, over)
	}
	return over, nil
}

func (r *Renderer) render(c *chart.Chart, values chartutil.Values) (map[string]string, error) {
	if missing := missing(c); len(missing) > 0 {
		return nil, fmt.Errorf("dependencies %s are not in charts/; run helm dependency build first", strings.Join(missing, ", "))
	}
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

// missing are the dependencies that Chart.yaml names and charts/ lacks.
func missing(c *chart.Chart) []string {
	var out []string
	for _, d := range c.Metadata.Dependencies {
		if !slices.ContainsFunc(c.Dependencies(), func(have *chart.Chart) bool { return have.Name() == d.Name }) {
			out = append(out, d.Name)
		}
	}
	return out
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
