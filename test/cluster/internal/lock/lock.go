// Package lock locks folders across processes. The kernel releases a lock when its holder ends, however it ends.
package lock

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// Acquire waits until it has locked the folder, or until ctx ends.
func Acquire(ctx context.Context, folder string) (release func(), err error) {
	for {
		release, held, err := Try(folder)
		if err != nil || held {
			return release, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the lock of %s: %w", folder, context.Cause(ctx))
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// Try locks the folder unless somebody else has.
func Try(folder string) (release func(), held bool, err error) {
	file, err := os.Open(folder)
	if err != nil {
		return nil, false, err
	}
	err = syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return func() { file.Close() }, true, nil
	}
	file.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, false, nil
	}
	return nil, false, fmt.Errorf("locking %s: %w", folder, err)
}
