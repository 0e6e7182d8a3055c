package host

import "golang.org/x/sys/unix"

// unmount detaches, so that a file still open somewhere does not keep the mount in the tree.
func unmount(path string) error { return unix.Unmount(path, unix.MNT_DETACH|unix.UMOUNT_NOFOLLOW) }
