package host

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// unmount detaches, so that a file still open somewhere does not keep the mount in the tree.
func unmount(path string) error { return unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) }

// Share makes dir a mount of its own whose inner mounts are visible in all namespaces created from now on.
func Share(dir string) error {
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("sharing the mounts in %s: %w", dir, err)
	}
	if err := unix.Mount("", dir, "", unix.MS_SHARED, ""); err != nil {
		return fmt.Errorf("sharing the mounts in %s: %w", dir, err)
	}
	return nil
}
