//go:build !linux

package proc

import "errors"

func withFolders(folders map[string]string, f func() error) error {
	if len(folders) > 0 {
		return errors.ErrUnsupported
	}
	return f()
}
