package proc

import (
	"fmt"
	"maps"
	"os"
	"runtime"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
)

// withFolders runs f on a thread that sees folders replaced, path by replacement, as do the processes that f starts.
// All other mounts stay shared with the host.
func withFolders(folders map[string]string, f func() error) error {
	if len(folders) == 0 {
		return f()
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread has changed and ends with this goroutine
		if err := replaceFolders(folders); err != nil {
			done <- err
			return
		}
		done <- f()
	}()
	return <-done
}

func replaceFolders(folders map[string]string) error {
	if err := unix.Unshare(unix.CLONE_FS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("leaving the host's mounts: %w", err)
	}
	for _, path := range slices.Sorted(maps.Keys(folders)) {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
		mount, err := host.MountOf(path)
		if err != nil {
			return err
		}
		// Without this the host would see the replacement too.
		if err := unix.Mount("", mount, "", unix.MS_PRIVATE, ""); err != nil {
			return fmt.Errorf("making the mount %s private: %w", mount, err)
		}
		if err := unix.Mount(folders[path], path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("mounting %s on %s: %w", folders[path], path, err)
		}
	}
	return nil
}
