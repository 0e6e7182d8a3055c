//go:build !linux

package host

import "errors"

func unmount(string) error { return errors.ErrUnsupported }

// Share reports that mounts need Linux.
func Share(string) error { return errors.ErrUnsupported }
