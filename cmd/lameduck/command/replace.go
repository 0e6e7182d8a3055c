package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile writes a file so that nobody ever sees half of it, and keeps its permissions and
// owner. A link stays a link; a terminal or /dev/null is written to as it is. A file with several
// names, or whose owner this user can't give to a new file, is overwritten in place.
func replaceFile(path, text string) error {
	if err := replace(path, text); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}

func replace(path, text string) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	mode := fs.FileMode(0o644)
	old, err := os.Stat(path)
	if err == nil {
		if mode = old.Mode().Perm(); !old.Mode().IsRegular() {
			return os.WriteFile(path, []byte(text), mode)
		}
	}
	writing.Lock()
	defer writing.Unlock()
	temp, err := os.CreateTemp(filepath.Dir(path), ".lameduck-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temp.Name()) }() // it is gone if it was renamed
	_, err = temp.WriteString(text)
	inPlace := false
	if old != nil && err == nil {
		inPlace = severalNames(old) || keepOwner(temp, old) != nil
	}
	err = errors.Join(err, temp.Chmod(mode), temp.Sync(), temp.Close())
	switch {
	case err != nil:
		return err
	case inPlace:
		return overwrite(path, text)
	}
	return os.Rename(temp.Name(), path)
}

// overwrite replaces a file's text in place. There is room for it: it was written beside the file
// first. If writing fails half-way, the old text is put back.
func overwrite(path, text string) error {
	before, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	put := func(data []byte) error {
		_, err := file.WriteAt(data, 0)
		return errors.Join(err, file.Truncate(int64(len(data))), file.Sync())
	}
	if err = put([]byte(text)); err != nil {
		err = errors.Join(err, put(before))
	}
	return errors.Join(err, file.Close())
}
