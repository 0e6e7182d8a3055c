package render

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"helm.sh/helm/v3/pkg/ignore"

	"github.com/lameduck-dev/lameduck/manifest"
)

// folder is one that may be read.
type folder struct {
	path string // absolute
	root *os.Root
}

// find is the folder that holds a path, and the path in it, free of symbolic links.
func (c *confined) find(path string) (f folder, rel string, err error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.folders[0].path, path)
	}
	for _, f := range c.folders {
		rel, ok := manifest.Below(f.path, path)
		if !ok {
			continue
		}
		if rel, err = f.follow(rel); err == nil && c.hides(f, rel, path) {
			err = c.refuse(fmt.Errorf("%s is hidden, and nothing hidden is read; give it a name without a dot, or take it out", leading(path, rel)))
		}
		if errors.Is(err, errLeaves) {
			err = c.refuse(fmt.Errorf("%w %s, and nothing outside is read; put the file itself there", err, f.path))
		}
		return f, rel, err
	}
	return f, "", c.refuse(fmt.Errorf("%s is outside %s, and nothing outside is read; name a folder that holds both, or start in one", path, c.folders[0].path))
}

// leading is a path, and where it leads.
func leading(path, rel string) string {
	if path = filepath.ToSlash(path); strings.HasSuffix(path, "/"+filepath.ToSlash(rel)) {
		return rel
	}
	return filepath.Base(path) + ", which leads to " + rel + ","
}

// hides reports whether a path is hidden: it lies in a hidden folder such as .git, or is a hidden file
// such as .env that lies where credentials may lie or was reached by a link. A kustomization may name
// others, such as .env.prod in its own folder.
func (c *confined) hides(f folder, rel, asked string) bool {
	dir, name := filepath.Split(rel)
	if manifest.Hidden(dir) {
		return true
	}
	if !manifest.Hidden(name) {
		return false
	}
	at := filepath.Join(f.path, rel)
	info, err := f.root.Lstat(rel)
	return err != nil || info.IsDir() || at != filepath.Clean(asked) || name != ignore.HelmIgnore && c.guarded(filepath.Dir(at), name)
}

// guarded reports whether a folder may be where a CI job leaves credentials, in that file for one: the
// working folder, what holds a .git, and the named folder. In a named folder below the working folder
// only .env.prod and its like are taken for a kustomization's own.
func (c *confined) guarded(dir, name string) bool {
	top := c.folders[0].path
	_, within := manifest.Below(c.here, top)
	return dir == c.here || exists(filepath.Join(dir, ".git")) || dir == top && (!within || !strings.HasPrefix(name, ".env."))
}

// maxLinks bounds how many symbolic links one path takes: they may lead round in a ring.
const maxLinks = 40

var errLeaves = errors.New("a symbolic link leads out of")

// follow is a path in a folder without the symbolic links in it.
func (f folder) follow(rel string) (string, error) {
	todo := strings.Split(filepath.ToSlash(rel), "/")
	done, links := ".", 0
	for len(todo) > 0 {
		next := filepath.Join(done, todo[0])
		todo = todo[1:]
		if !filepath.IsLocal(next) {
			return "", fmt.Errorf("%s: %w", rel, errLeaves)
		}
		info, err := f.root.Lstat(next)
		if err != nil {
			return "", err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			done = next
			continue
		}
		if links++; links > maxLinks {
			return "", fmt.Errorf("%s: more than %d symbolic links", rel, maxLinks)
		}
		to, err := f.root.Readlink(next)
		if err != nil {
			return "", err
		}
		if filepath.IsAbs(to) {
			return "", fmt.Errorf("%s: %w", rel, errLeaves)
		}
		todo = append(strings.Split(filepath.ToSlash(to), "/"), todo...)
	}
	return done, nil
}

// allow lets a base be read: a folder within the working folder that a kustomization names. It is left
// to kustomize to say what is wrong with what is no folder, and to find to refuse the rest.
func (c *confined) allow(base string) {
	for _, f := range c.folders {
		if _, ok := manifest.Below(f.path, base); ok {
			return
		}
	}
	rel, ok := manifest.Below(c.here, base)
	if !ok || rel == "." || filepath.Dir(c.here) == c.here || manifest.Hidden(rel) {
		return
	}
	here, err := os.OpenRoot(c.here)
	if err != nil {
		return
	}
	defer func() { _ = here.Close() }() // nothing is to be done about a failure
	if real, err := (folder{c.here, here}).follow(rel); err != nil || real != rel {
		return
	}
	if info, err := here.Lstat(rel); err != nil || !info.IsDir() {
		return
	}
	if root, err := here.OpenRoot(rel); err == nil {
		c.folders = append(c.folders, folder{base, root})
	}
}
