//go:build !linux

package host

import "errors"

func unmount(string) error { return errors.ErrUnsupported }
