package manifest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

var (
	errLeads  = errors.New("a symbolic link leads out of the working folder; name what it leads to, if it is to be read")
	errHidden = errors.New("a symbolic link leads to what is hidden; name that itself, if it is to be read")
)

// Named is where a path that the user named really is. The path is the user's choice. A symbolic link in
// the working folder is not: it may come with anybody's change, and is refused if it leads out of the
// folder, or to what is hidden in it. So is what is neither a file nor a folder there: reading it could
// wait for ever.
func Named(path string) (string, error) {
	real, _, err := named(path)
	return real, err
}

// named is Named, with what is there.
func named(path string) (string, fs.FileInfo, error) {
	here, err := workingFolder()
	if err != nil {
		return "", nil, err
	}
	real, linked, err := resolve(here, path)
	rel, within := Below(here, real)
	switch {
	case linked && !within:
		return "", nil, errLeads
	case linked && Hidden(rel):
		return "", nil, errHidden
	case err != nil:
		return "", nil, err
	}
	info, err := os.Stat(real)
	if err != nil {
		return "", nil, err
	}
	// A working folder that is the whole disk holds /dev/stdin, too.
	if within && filepath.Dir(here) != here && !info.IsDir() && !info.Mode().IsRegular() {
		return "", nil, errors.New("not a regular file")
	}
	return real, info, nil
}

// RealPath is a path from the root of the disk, without symbolic links.
func RealPath(path string) (string, error) {
	here, err := workingFolder()
	if err != nil {
		return "", err
	}
	real, _, err := resolve(here, path)
	return real, err
}

// ReadNamed reads a file that the user named, of at most so many bytes.
func ReadNamed(path string, most int64) ([]byte, error) {
	text, err := readNamed(path, most)
	if err != nil {
		return nil, fmt.Errorf("%s: %s", path, reason(err))
	}
	return text, nil
}

func readNamed(path string, most int64) ([]byte, error) {
	real, err := Named(path)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(real)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	if err == nil && int64(len(text)) > most {
		err = fmt.Errorf("larger than %d MB", most>>20)
	}
	return text, err
}

// Hidden reports whether a path leads through or to what is hidden, such as .git or .env. A mounted
// ConfigMap's ..data is not meant.
func Hidden(rel string) bool {
	for part := range strings.SplitSeq(filepath.ToSlash(rel), "/") {
		if strings.HasPrefix(part, ".") && part != "." && !strings.HasPrefix(part, "..") {
			return true
		}
	}
	return false
}

// Below is a path as seen from a folder that holds it.
func Below(dir, path string) (rel string, ok bool) {
	rel, err := filepath.Rel(dir, path)
	return rel, err == nil && filepath.IsLocal(rel)
}

// workingFolder is the folder itself: a shell's PWD may lead there by a link.
func workingFolder() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(here)
}

// maxLinks bounds how many symbolic links one path takes: they may lead round in a ring.
const maxLinks = 40

// resolve follows a path, as the kernel does. Linked reports whether a link in the folder was on the way.
// If the path leads nowhere, it is where it would be.
func resolve(here, path string) (real string, linked bool, err error) {
	if path == "" {
		return "", false, fs.ErrNotExist
	}
	real, todo := here, path
	if filepath.IsAbs(path) {
		real, todo = root(path)
	}
	links, parts := 0, elements(todo)
	for len(parts) > 0 {
		next := filepath.Join(real, parts[0])
		parts = parts[1:]
		info, err := os.Lstat(next)
		if err != nil {
			return filepath.Join(append([]string{next}, parts...)...), linked, err
		}
		if info.Mode()&fs.ModeSymlink == 0 || opened(next) {
			real = next
			continue
		}
		if links++; links > maxLinks {
			return next, linked, errors.New("a symbolic link that leads to itself")
		}
		if _, ok := Below(here, next); ok {
			linked = true
		}
		to, err := os.Readlink(next)
		if err != nil {
			return next, linked, err
		}
		if filepath.IsAbs(to) {
			real, to = root(to)
		}
		parts = append(elements(to), parts...)
	}
	return real, linked, nil
}

func elements(path string) []string { return strings.Split(filepath.ToSlash(path), "/") }

// root splits an absolute path into the disk's root and the rest.
func root(path string) (root, rest string) {
	volume := filepath.VolumeName(path)
	return volume + string(filepath.Separator), path[len(volume):]
}

// opened reports whether a path is that of an open file: its link may name no path.
func opened(path string) bool {
	return strings.HasPrefix(path, "/proc/") && filepath.Base(filepath.Dir(path)) == "fd"
}
