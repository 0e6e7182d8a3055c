package command

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile writes a file so that no one ever sees half of it, and keeps the permissions
// and the owner of the one that was there. A link stays a link, and what is no file, such as a
// terminal or /dev/null, is written to and stays what it is. A file with several names, or
// one whose owner this user can't give a new file, is overwritten in place.
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

// overwrite puts a text in place of a file's. There is room for it: it was written beside it
// before. What was there comes back if writing fails half-way.
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
