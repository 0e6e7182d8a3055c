package manifest

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// walk collects the paths to read.
type walk struct {
	loader   *Loader
	paths    []string
	seen     map[string]bool // folders by their real path
	problems []Problem
	rendered map[int]*renderedFolder

	top, realTop string // the folder that was named, and where it really is
}

type renderedFolder struct {
	files    []*File
	problems []Problem
}

func (w *walk) add(path string) { w.paths = append(w.paths, path) }

func (w *walk) fail(path string, err error) { w.refuse(path, reason(err)) }

func (w *walk) refuse(path, why string) {
	w.problems = append(w.problems, Problem{Path: path, Text: why})
}

// named takes what the user named: a file of any name, a folder, or a link to one of them.
func (w *walk) named(path string) {
	real, info, err := named(path)
	switch {
	case err != nil:
		w.fail(path, err)
	case !info.IsDir():
		w.add(path)
	default:
		w.top, w.realTop = path, real
		w.folder(path, real)
	}
}

// folder takes the manifests in a folder and in those below it. What is rendered as a whole is left
// to the renderer.
func (w *walk) folder(path, real string) {
	if w.seen[real] {
		return
	}
	w.seen[real] = true
	if w.loader.Render != nil {
		if files, problems, took := w.loader.Render(path); took {
			if w.rendered == nil {
				w.rendered = map[int]*renderedFolder{}
			}
			w.rendered[len(w.paths)] = &renderedFolder{files, problems}
			w.add("")
			return
		}
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		w.fail(path, err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue
		}
		child := filepath.Join(path, e.Name())
		switch {
		case e.IsDir():
			w.folder(child, filepath.Join(real, e.Name()))
		case e.Type()&fs.ModeSymlink != 0:
			w.link(child)
		case e.Type().IsRegular() && isManifest(child):
			w.add(child)
		}
	}
}

// link follows a symbolic link as long as it stays in the folder that was named, and leads to nothing
// hidden there.
func (w *walk) link(path string) {
	info, err := os.Stat(path)
	if err != nil {
		if isManifest(path) {
			w.fail(path, err)
		}
		return
	}
	real, err := RealPath(path)
	if err != nil || !info.IsDir() && (!info.Mode().IsRegular() || !isManifest(path)) {
		return
	}
	below, ok := Below(w.realTop, real)
	switch {
	case !ok:
		w.refuse(path, "a symbolic link that leaves "+w.top+"; name what it leads to, if it is to be read")
		return
	case Hidden(below):
		w.fail(path, errHidden)
		return
	}
	if info.IsDir() {
		w.folder(path, real)
		return
	}
	w.add(path)
}

func isManifest(path string) bool {
	switch filepath.Ext(path) {
	case ".yaml", ".yml", ".json":
		return true
	}
	return false
}

// seenFiles recognises a file that has several names.
type seenFiles struct{ files map[stamp][]fs.FileInfo }

// stamp is what two names of one file have in common, and few other files.
type stamp struct{ size, modified int64 }

func (s *seenFiles) again(info fs.FileInfo) bool {
	if info == nil || !info.Mode().IsRegular() {
		return false
	}
	key := stamp{info.Size(), info.ModTime().UnixNano()}
	for _, other := range s.files[key] {
		if os.SameFile(other, info) {
			return true
		}
	}
	if s.files == nil {
		s.files = map[stamp][]fs.FileInfo{}
	}
	s.files[key] = append(s.files[key], info)
	return false
}
