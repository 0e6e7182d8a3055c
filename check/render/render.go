// Package render turns charts and kustomizations into the manifests that a
// cluster would get, with Helm's and kustomize's own libraries. Nothing is
// fetched: a dependency that is not in the folder is a problem to report.
package render

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Renderer takes folders that are charts or kustomizations.
type Renderer struct {
	KubernetesVersion string   // as in 1.34, for a chart's conditions
	Values            []string // files that are laid over a chart's values.yaml, in order

	Charts int // how many folders were taken for charts so far

	// Exceeded, if set, is called when a folder takes more time or memory than it may, while it
	// is still being rendered: it must end the program.
	Exceeded func(error)

	names  []string                  // what is to be read, by its real path
	texts  [][]byte                  // of the files of values that were read so far
	bases  map[string]bool           // kustomizations that another one includes
	charts map[*manifest.File]string // the chart that a file was rendered from
}

// Scan looks through what is to be read for kustomizations that are only
// parts of others: a base by itself is not what any cluster gets.
func (r *Renderer) Scan(names []string) {
	r.bases = map[string]bool{}
	for _, name := range names {
		// What cannot or must not be read is told when it is loaded.
		if real, err := manifest.Named(name); err == nil {
			r.names = append(r.names, real)
		}
	}
	for _, name := range r.names {
		_ = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil //nolint:nilerr // see above
			case entry.IsDir() && path != name && strings.HasPrefix(entry.Name(), "."):
				return filepath.SkipDir
			case entry.IsDir() || !slices.Contains(kustomizations, entry.Name()):
				return nil
			}
			dir := filepath.Dir(path)
			for _, include := range includes(dir) {
				if real := realPath(filepath.Join(dir, include)); real != dir {
					r.bases[real] = true
				}
			}
			return nil
		})
	}
	for _, name := range r.names {
		delete(r.bases, name)
	}
}

// Folder renders a folder if it is a chart or a kustomization.
func (r *Renderer) Folder(dir string) (files []*manifest.File, problems []manifest.Problem, took bool) {
	render := r.kustomize
	switch {
	case exists(filepath.Join(dir, "Chart.yaml")):
		r.Charts++
		render = r.chart
	case kustomization(dir) == "":
		return nil, nil, false
	case r.bases[realPath(dir)]:
		return nil, nil, true
	}
	defer watch(dir, r.Exceeded)()
	files, problems = render(dir)
	return files, problems, true
}

// Command is the command that renders a folder for others to read; "" for what is no chart and no
// kustomization by itself. Part reports a base of another kustomization.
func (r *Renderer) Command(dir string) (command string, part bool) {
	switch {
	case exists(filepath.Join(dir, "Chart.yaml")):
		return "helm template " + quoted(dir), false
	case kustomization(dir) == "":
		return "", false
	case r.bases[realPath(dir)]:
		return "", true
	}
	return "kustomize build " + quoted(dir), false
}

// special is what a shell may read as more than a path.
var special = regexp.MustCompile(`[^A-Za-z0-9_./+:@-]`)

// quoted is a path as one word of a shell's command.
func quoted(path string) string {
	if !special.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// realPath is a path without symbolic links, or the path itself if it leads nowhere.
func realPath(path string) string {
	if real, err := manifest.RealPath(path); err == nil {
		return real
	}
	return path
}

// problem puts a library's error in one line.
func problem(path string, err error) []manifest.Problem {
	return []manifest.Problem{{Path: path, Text: strings.Join(strings.Fields(err.Error()), " ")}}
}

// separators are those that share their line with other text: Helm ends a document at any line that
// begins with "---".
var separators = regexp.MustCompile(`(?m)^---[ \t]*([^\s-])`)

// parse reads a rendered text. What cannot be parsed is the template's fault:
// its line is not the file's.
func parse(path, rendered, template string) (*manifest.File, []manifest.Problem) {
	file, problems := manifest.Parse(path, separators.ReplaceAllString(rendered, "---\n$1"))
	file.Rendered, file.Template = true, template
	for i := range problems {
		problems[i].Text = "rendered, " + problems[i].Text
		problems[i].Line = 0
	}
	return file, problems
}
