package render

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"

	"helm.sh/helm/v3/pkg/chart"
	"helm.sh/helm/v3/pkg/chart/loader"
	"helm.sh/helm/v3/pkg/ignore"

	"github.com/lameduck-dev/lameduck/manifest"
)

// maxFolders bounds how deep a chart nests: links in it may lead round in a ring.
const maxFolders = 24

// loadChart reads a chart as Helm does, except for what is hidden and for links that leave the
// named folder: Helm follows them, and .Files.Get shows what is there.
func (r *Renderer) loadChart(dir string) (*chart.Chart, error) {
	dir = realPath(dir)
	disk, err := confine(r.top(dir))
	if err != nil {
		return nil, err
	}
	defer disk.close()
	rules := ignore.Empty()
	switch text, err := disk.ReadFile(filepath.Join(dir, ignore.HelmIgnore)); {
	case err == nil:
		if rules, err = ignore.Parse(bytes.NewReader(text)); err != nil {
			return nil, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	}
	rules.AddDefaults()
	var files []*loader.BufferedFile
	var walk func(under string, depth int) error
	walk = func(under string, depth int) error {
		if depth > maxFolders {
			return fmt.Errorf("%s: folders nest deeper than %d", under, maxFolders)
		}
		names, err := disk.ReadDir(filepath.Join(dir, under))
		if err != nil {
			return err
		}
		for _, name := range names {
			if manifest.Hidden(name) {
				continue // .git, .env
			}
			name = path.Join(under, name)
			info, err := disk.stat(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if rules.Ignore(name, info) {
				continue
			}
			if info.IsDir() {
				if err := walk(name, depth+1); err != nil {
					return err
				}
				continue
			}
			text, err := disk.ReadFile(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			files = append(files, &loader.BufferedFile{Name: name, Data: bytes.TrimPrefix(text, []byte("\ufeff"))})
		}
		return nil
	}
	if err := walk("", 0); err != nil {
		return nil, err
	}
	return loader.LoadFiles(files)
}
