package render

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/api/resmap"

	"github.com/lameduck-dev/lameduck/manifest"
)

// kustomizations are the names that a kustomization's file may have.
var kustomizations = []string{"kustomization.yaml", "kustomization.yml", "Kustomization"}

// kustomization is the path of a folder's kustomization, "" if it has none.
func kustomization(dir string) string {
	for _, name := range kustomizations {
		if path := filepath.Join(dir, name); exists(path) {
			return path
		}
	}
	return ""
}

// includes are the files and folders that a folder's kustomization names.
func includes(dir string) []string {
	path := kustomization(dir)
	info, err := os.Lstat(path) // a link is followed only where it is known not to leave
	if err != nil || !info.Mode().IsRegular() || info.Size() > manifest.MaxBytes {
		return nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil
	}
	root, err := manifest.ParseValue(string(text))
	if err != nil {
		return nil
	}
	var out []string
	for _, field := range []string{"resources", "bases", "components"} {
		out = append(out, root.Get(field).Strings()...)
	}
	return out
}

// reading is one kustomization that is being built.
type reading struct {
	dir  string // its real path
	disk *confined
}

// kustomize builds a kustomization as `kustomize build` does, from the disk alone: nothing is
// fetched and nothing is run.
func (r *Renderer) kustomize(dir string) ([]*manifest.File, []manifest.Problem) {
	path := kustomization(dir)
	real := realPath(dir)
	disk, err := confine(r.top(real))
	if err != nil {
		return nil, problem(path, err)
	}
	defer disk.close()
	build := &reading{real, disk}
	disk.check = build.local
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, real)
	if disk.refused != nil {
		err = disk.refused
	}
	if err != nil {
		return nil, problem(path, err)
	}
	return build.file(path, built)
}

// show is a path as the user would spell it, unless a symbolic link makes that lead elsewhere.
func (b *reading) show(path, real string) string {
	if realPath(path) == real {
		return path
	}
	if rel, ok := manifest.Below(b.disk.here, real); ok {
		return rel
	}
	return real
}

// file is what was built, each object with the file that it comes from. kustomize tells that by an
// annotation, which the kustomization can change: only a file that was read is believed.
func (b *reading) file(path string, built resmap.ResMap) ([]*manifest.File, []manifest.Problem) {
	var text strings.Builder
	var pieces []manifest.Piece
	sources := map[string]*manifest.File{}
	line := 1
	for _, res := range built.Resources() {
		origin, err := res.GetOrigin()
		if err == nil {
			err = res.SetOrigin(nil)
		}
		yaml, asErr := res.AsYAML()
		if err := errors.Join(err, asErr); err != nil {
			return nil, problem(path, err)
		}
		piece := manifest.Piece{Line: line, Path: path}
		real := filepath.Join(b.dir, filepath.Base(path))
		if origin != nil && origin.Path != "" {
			if at, read := b.disk.wasRead(filepath.Join(b.dir, origin.Path)); read {
				piece.Path, real = b.show(filepath.Join(filepath.Dir(path), origin.Path), at), at
			}
		}
		source, read := sources[real]
		if !read {
			if text, err := b.disk.ReadFile(real); err == nil {
				source, _ = manifest.Parse(piece.Path, string(text)) // kustomize has read it
			}
			sources[real] = source
		}
		piece.Source = source
		pieces = append(pieces, piece)
		text.WriteString("---\n")
		text.Write(yaml)
		line += 1 + strings.Count(string(yaml), "\n")
		if text.Len() > manifest.MaxBytes {
			return nil, problem(path, fmt.Errorf("it renders more than %d MB", manifest.MaxBytes>>20))
		}
	}
	f, problems := parse(path, text.String(), "")
	f.Pieces = pieces
	return []*manifest.File{f}, problems
}

// top is the folder that was named, in which a chart or kustomization lies.
func (r *Renderer) top(dir string) string {
	top := dir
	for _, name := range r.names {
		if _, ok := manifest.Below(name, top); ok {
			top = name
		}
	}
	return top
}
