package render

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"sigs.k8s.io/kustomize/kyaml/filesys"

	"github.com/lameduck-dev/lameduck/manifest"
)

// What one chart or kustomization may hold. The largest public charts have some 2,000 files
// and 20 MB.
const (
	maxFiles = 20_000
	maxTotal = 256 << 20 // bytes
)

// confined is the part of the disk below one folder. Nothing outside is opened: a path or a
// symbolic link that leaves the folder is refused, and kept to be reported, because to kustomize a
// file that can't be read is one that is not there.
type confined struct {
	root    *os.Root
	top     string // absolute
	files   int
	total   int64
	refused error

	// check, if set, inspects what is read before it is passed on.
	check func(path string, text []byte) ([]byte, error)
}

func confine(top string) (*confined, error) {
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, err
	}
	return &confined{root: root, top: top}, nil
}

// close gives the folder back; there is nothing to be done about a failure.
func (c *confined) close() { _ = c.root.Close() }

func (c *confined) refuse(err error) error {
	if c.refused == nil {
		c.refused = err
	}
	return err
}

// rel is a path as the root knows it.
func (c *confined) rel(path string) (string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.top, path)
	}
	rel, err := filepath.Rel(c.top, path)
	if err != nil || !filepath.IsLocal(rel) {
		return "", c.refuse(fmt.Errorf("%s is outside %s, and nothing outside is read; name a folder that holds both, or start in one", path, c.top))
	}
	return rel, nil
}

func (c *confined) stat(path string) (fs.FileInfo, error) {
	rel, err := c.rel(path)
	if err != nil {
		return nil, err
	}
	info, err := c.root.Stat(rel)
	return info, c.leaves(rel, err)
}

// leaves reports a symbolic link that the root did not follow.
func (c *confined) leaves(rel string, err error) error {
	if err != nil && strings.Contains(err.Error(), "path escapes from parent") {
		return c.refuse(fmt.Errorf("%s is a symbolic link out of %s, and nothing outside is read; put the file itself there", rel, c.top))
	}
	return err
}

// ReadFile reads a regular file, within the bounds.
func (c *confined) ReadFile(path string) ([]byte, error) {
	rel, err := c.rel(path)
	if err != nil {
		return nil, err
	}
	file, err := c.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not wait
	if err != nil {
		return nil, c.leaves(rel, err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", rel)
	}
	text, err := io.ReadAll(io.LimitReader(file, manifest.MaxBytes+1))
	if err != nil {
		return nil, err
	}
	c.files++
	c.total += int64(len(text))
	if len(text) > manifest.MaxBytes || c.files > maxFiles || c.total > maxTotal {
		return nil, c.refuse(fmt.Errorf("%s exceeds what is read: %d MB a file, and %d files of %d MB in all", rel, manifest.MaxBytes>>20, maxFiles, maxTotal>>20))
	}
	if c.check != nil {
		if text, err = c.check(filepath.Join(c.top, rel), text); err != nil {
			return nil, c.refuse(err)
		}
	}
	return text, nil
}

var errReadOnly = errors.New("nothing is written while rendering")

// The rest is what kustomize expects of a file system.

// Create refuses.
func (c *confined) Create(string) (filesys.File, error) { return nil, errReadOnly }

// Mkdir refuses.
func (c *confined) Mkdir(string) error { return errReadOnly }

// MkdirAll refuses.
func (c *confined) MkdirAll(string) error { return errReadOnly }

// RemoveAll refuses.
func (c *confined) RemoveAll(string) error { return errReadOnly }

// WriteFile refuses.
func (c *confined) WriteFile(string, []byte) error { return errReadOnly }

// Open refuses: kustomize reads by ReadFile.
func (c *confined) Open(string) (filesys.File, error) { return nil, errReadOnly }

// IsDir reports whether a folder is there.
func (c *confined) IsDir(path string) bool {
	info, err := c.stat(path)
	return err == nil && info.IsDir()
}

// Exists reports whether something is there.
func (c *confined) Exists(path string) bool {
	_, err := c.stat(path)
	return err == nil
}

// ReadDir lists the names in a folder.
func (c *confined) ReadDir(path string) ([]string, error) {
	rel, err := c.rel(path)
	if err != nil {
		return nil, err
	}
	dir, err := c.root.Open(rel)
	if err != nil {
		return nil, c.leaves(rel, err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(maxFiles + 1)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	if len(names) > maxFiles {
		return nil, c.refuse(fmt.Errorf("%s holds more than %d files", rel, maxFiles))
	}
	slices.Sort(names)
	return names, err
}

// CleanedAbs splits a path into folder and file.
func (c *confined) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.top, path)
	}
	path = filepath.Clean(path)
	info, err := c.stat(path)
	if err != nil {
		return "", "", err
	}
	if info.IsDir() {
		return filesys.ConfirmedDir(path), "", nil
	}
	return filesys.ConfirmedDir(filepath.Dir(path)), filepath.Base(path), nil
}

// Glob lists the files that a pattern names.
func (c *confined) Glob(pattern string) ([]string, error) {
	return nil, fmt.Errorf("%s: patterns of files are not read; name the files", pattern)
}

// Walk refuses: nothing that is rendered needs it.
func (c *confined) Walk(path string, _ filepath.WalkFunc) error {
	return fmt.Errorf("%s: folders are not walked while rendering", path)
}
