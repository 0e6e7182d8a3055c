package netns

import (
	"fmt"
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

const ownNamespace = "/proc/thread-self/ns/net"

// Create creates a network namespace and pins it at path, which must not exist yet.
func Create(path string) error {
	pin, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if err != nil {
		return fmt.Errorf("creating a network namespace: %w", err)
	}
	pin.Close()
	done := make(chan error)
	go func() {
		// Never unlocked: the thread has changed its namespace and ends with this goroutine.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("creating a network namespace: unshare: %w", err)
			return
		}
		if err := unix.Mount(ownNamespace, path, "", unix.MS_BIND, ""); err != nil {
			done <- fmt.Errorf("pinning a network namespace at %s: %w", path, err)
			return
		}
		done <- nil
	}()
	return <-done
}

// Do runs f on a thread inside the namespace pinned at path. Sockets that f opens and processes that it starts
// stay in that namespace; goroutines that f starts are outside it.
func Do(path string, f func() error) error {
	target, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	defer target.Close()
	runtime.LockOSThread()
	home, err := os.Open(ownNamespace)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("entering a network namespace: %w", err)
	}
	defer home.Close()
	if err := unix.Setns(int(target.Fd()), unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("entering the network namespace %s: %w", path, err)
	}
	result := f()
	if err := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); err != nil {
		// The thread stays locked, so the runtime discards it instead of running other goroutines in the wrong namespace.
		return fmt.Errorf("leaving the network namespace %s: %w", path, err)
	}
	runtime.UnlockOSThread()
	return result
}
