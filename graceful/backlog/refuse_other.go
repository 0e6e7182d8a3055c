//go:build !linux || 386 || s390x

package backlog

import (
	"errors"
	"net"
)

// refuseMore is not to be had here: a connection may complete between the last look and the close.
func refuseMore(net.Listener) error { return errors.ErrUnsupported }
