//go:build !linux

package netns

import "errors"

var errUnsupported = errors.New("network namespaces need Linux")

// Create reports that network namespaces need Linux.
func Create(string) error { return errUnsupported }

// Do reports that network namespaces need Linux.
func Do(string, func() error) error { return errUnsupported }
