package host

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Cgroups is a path in all of the machine's cgroup hierarchies: one of version 2, several of version 1, or both.
type Cgroups struct {
	roots []string
	path  string
}

// FindCgroups returns the cgroups at path, whether or not they exist yet.
func FindCgroups(path string) (Cgroups, error) {
	table, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return Cgroups{}, fmt.Errorf("listing cgroup hierarchies: %w", err)
	}
	roots := cgroupRoots(string(table))
	if len(roots) == 0 {
		return Cgroups{}, errors.New("no cgroup hierarchy is mounted: mount cgroup2 on /sys/fs/cgroup")
	}
	return Cgroups{roots, path}, nil
}

func cgroupRoots(table string) []string {
	var roots []string
	for line := range strings.Lines(table) {
		if fields := strings.Fields(line); len(fields) > 2 && (fields[2] == "cgroup" || fields[2] == "cgroup2") {
			roots = append(roots, fields[1])
		}
	}
	return roots
}

// Make creates the cgroups, with every controller that their hierarchies have.
func (c Cgroups) Make() error {
	for _, dir := range c.roots {
		for _, step := range strings.Split(strings.Trim(c.path, "/"), "/") {
			if err := delegate(dir); err != nil {
				return fmt.Errorf("making a cgroup: %w", err)
			}
			dir = filepath.Join(dir, step)
			if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
				return fmt.Errorf("making a cgroup: %w", err)
			}
		}
		if err := delegate(dir); err != nil {
			return fmt.Errorf("making a cgroup: %w", err)
		}
	}
	return nil
}

// delegate lets the children of a cgroup use what it has itself: its controllers in version 2, its processors and
// memory nodes in version 1, where new cpusets are empty and accept no process.
func delegate(dir string) error {
	if controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers")); err == nil {
		var enable []string
		for _, controller := range strings.Fields(string(controllers)) {
			enable = append(enable, "+"+controller)
		}
		return os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte(strings.Join(enable, " ")), 0o644)
	}
	for _, file := range []string{"cpuset.cpus", "cpuset.mems"} {
		content, err := os.ReadFile(filepath.Join(dir, file))
		if err != nil || strings.TrimSpace(string(content)) != "" {
			continue
		}
		parents, err := os.ReadFile(filepath.Join(filepath.Dir(dir), file))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file), parents, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// Processes are the ids of all processes in the cgroups or below.
func (c Cgroups) Processes() []int {
	var all []int
	for _, dir := range c.tree() {
		content, _ := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
		for _, field := range strings.Fields(string(content)) {
			if pid, err := strconv.Atoi(field); err == nil {
				all = append(all, pid)
			}
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// Remove removes the cgroups and all below, which must hold no processes.
func (c Cgroups) Remove() error {
	tree := c.tree()
	slices.Reverse(tree)
	var failed []error
	for _, dir := range tree {
		if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("removing a cgroup: %w", err))
		}
	}
	return errors.Join(failed...)
}

// Existing are the cgroups that exist.
func (c Cgroups) Existing() []string {
	var existing []string
	for _, root := range c.roots {
		dir := filepath.Join(root, c.path)
		if _, err := os.Stat(dir); err == nil {
			existing = append(existing, dir)
		}
	}
	return existing
}

// tree lists the cgroups and all below, parents first.
func (c Cgroups) tree() []string {
	var dirs []string
	for _, top := range c.Existing() {
		_ = filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				dirs = append(dirs, path)
			}
			return nil // a cgroup may disappear while we look
		})
	}
	return dirs
}
