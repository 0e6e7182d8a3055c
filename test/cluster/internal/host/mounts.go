// Package host undoes what an instance did to the machine: its mounts, cgroups, links and kernel settings.
package host

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// mountInfo lists the mounts that this thread sees.
const mountInfo = "/proc/thread-self/mountinfo"

// Mounts are the mount points at or below dir, the most recent first.
func Mounts(dir string) ([]string, error) {
	table, err := os.ReadFile(mountInfo)
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	return mountsBelow(string(table), dir), nil
}

func mountsBelow(table, dir string) []string {
	var found []string
	for _, point := range mountPoints(table) {
		if contains(dir, point) {
			found = append(found, point)
		}
	}
	slices.Reverse(found) // the kernel lists them in the order of mounting
	return found
}

// MountOf is the mount point that path is on.
func MountOf(path string) (string, error) {
	table, err := os.ReadFile(mountInfo)
	if err != nil {
		return "", fmt.Errorf("listing mounts: %w", err)
	}
	return mountAbove(string(table), path), nil
}

func mountAbove(table, path string) string {
	longest := "/"
	for _, point := range mountPoints(table) {
		if contains(point, path) && len(point) > len(longest) {
			longest = point
		}
	}
	return longest
}

// contains reports whether path is dir or below it.
func contains(dir, path string) bool {
	return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
}

func mountPoints(table string) []string {
	const mountPoint = 4
	var points []string
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > mountPoint {
			points = append(points, unescape(fields[mountPoint]))
		}
	}
	return points
}

// unescape undoes the kernel's octal escapes of blanks, newlines and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// UnmountAll unmounts everything at or below dir.
func UnmountAll(dir string) error {
	mounts, err := Mounts(dir)
	if err != nil {
		return err
	}
	var failed []error
	for _, mount := range mounts {
		if err := unmount(mount); err != nil {
			failed = append(failed, fmt.Errorf("unmounting %s: %w", mount, err))
		}
	}
	return errors.Join(failed...)
}
