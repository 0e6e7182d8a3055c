// Package host undoes what an instance did to the machine: its mounts, cgroups, links and kernel settings.
package host

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
)

// mountInfo lists the mounts of this process.
const mountInfo = "/proc/self/mountinfo"

// Mounts are the mount points in or below dir, the deepest last made first.
func Mounts(dir string) ([]string, error) {
	table, err := os.ReadFile(mountInfo)
	if err != nil {
		return nil, fmt.Errorf("listing mounts: %w", err)
	}
	return mountsBelow(string(table), dir), nil
}

func mountsBelow(table, dir string) []string {
	const mountPoint = 4
	var found []string
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) <= mountPoint {
			continue
		}
		if path := unescape(fields[mountPoint]); path == dir || strings.HasPrefix(path, dir+"/") {
			found = append(found, path)
		}
	}
	slices.Reverse(found) // the kernel lists them in the order of mounting
	return found
}

// unescape undoes the kernel's octal escapes of blanks, newlines and backslashes.
var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// UnmountAll unmounts all that is in or below dir.
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
