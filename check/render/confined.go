package render

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
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

// confined is the part of the disk that a chart or a kustomization may read: the folder that was
// named, and the bases that a kustomization names. Nothing else is opened: a path or a symbolic link
// that leads elsewhere, or to what is hidden, is refused, and kept to be reported, because to
// kustomize a file that can't be read is one that is not there.
type confined struct {
	here    string // the working folder, by its real path
	folders []folder
	read    map[string]bool // files, by their real paths
	files   int
	total   int64
	refused error

	// check, if set, inspects what is read before it is passed on.
	check func(path string, text []byte) ([]byte, error)
}

// confine takes the real path of the folder that was named.
func confine(top string) (*confined, error) {
	here, err := manifest.RealPath(".")
	if err != nil {
		return nil, err
	}
	c := &confined{here: here, read: map[string]bool{}}
	root, err := os.OpenRoot(top)
	if err != nil {
		return nil, err
	}
	c.folders = []folder{{top, root}}
	return c, nil
}

// close gives the folders back; there is nothing to be done about a failure.
func (c *confined) close() {
	for _, f := range c.folders {
		_ = f.root.Close()
	}
}

func (c *confined) refuse(err error) error {
	if c.refused == nil {
		c.refused = err
	}
	return err
}

func (c *confined) stat(path string) (fs.FileInfo, error) {
	f, rel, err := c.find(path)
	if err != nil {
		return nil, err
	}
	return f.root.Lstat(rel)
}

// ReadFile reads a regular file, within the bounds.
func (c *confined) ReadFile(path string) ([]byte, error) {
	f, rel, err := c.find(path)
	if err != nil {
		return nil, err
	}
	file, err := f.root.OpenFile(rel, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a FIFO must not wait
	if err != nil {
		return nil, err
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
	c.read[filepath.Join(f.path, rel)] = true
	if c.check != nil {
		if text, err = c.check(filepath.Join(f.path, rel), text); err != nil {
			return nil, c.refuse(err)
		}
	}
	return text, nil
}

// wasRead is the real path of a file, and whether that was read.
func (c *confined) wasRead(path string) (real string, read bool) {
	for _, f := range c.folders {
		rel, ok := manifest.Below(f.path, path)
		if !ok {
			continue
		}
		if rel, err := f.follow(rel); err == nil {
			real = filepath.Join(f.path, rel)
		}
		break
	}
	return real, c.read[real]
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
	f, rel, err := c.find(path)
	if err != nil {
		return nil, err
	}
	dir, err := f.root.Open(rel)
	if err != nil {
		return nil, err
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

// CleanedAbs splits a path, free of symbolic links, into folder and file: by it kustomize sees what
// leaves a kustomization's own folder.
func (c *confined) CleanedAbs(path string) (filesys.ConfirmedDir, string, error) {
	f, rel, err := c.find(path)
	if err != nil {
		return "", "", err
	}
	info, err := f.root.Lstat(rel)
	if err != nil {
		return "", "", err
	}
	if path = filepath.Join(f.path, rel); info.IsDir() {
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
