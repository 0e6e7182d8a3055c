package host

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const mountTable = `22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 0:5 net:[4026532301] /var/lib/lameduck/a/node1/netns rw - nsfs nsfs rw
31 22 0:40 / /var/lib/lameduck/a/node1/with\040blank rw - tmpfs tmpfs rw
32 22 0:41 / /var/lib/lameduck/ab/node1/netns rw - nsfs nsfs rw
33 30 0:42 / /var/lib/lameduck/a/node1/with\040blank/inner rw - tmpfs tmpfs rw
34 22 0:43 / /var/lib/lameduck/a rw - tmpfs tmpfs rw

`

func TestMountAbove(t *testing.T) {
	for path, want := range map[string]string{
		"/":                               "/",
		"/var/lib/kubelet":                "/",
		"/var/lib/lameduck/a":             "/var/lib/lameduck/a",
		"/var/lib/lameduck/a/node1/netns": "/var/lib/lameduck/a/node1/netns",
		"/var/lib/lameduck/a/node12":      "/var/lib/lameduck/a",
		"/var/lib/lameduck/abc":           "/",
	} {
		if got := mountAbove(mountTable, path); got != want {
			t.Errorf("%s is on %s, want %s", path, got, want)
		}
	}
}

func TestMountsBelow(t *testing.T) {
	want := []string{
		"/var/lib/lameduck/a",
		"/var/lib/lameduck/a/node1/with blank/inner",
		"/var/lib/lameduck/a/node1/with blank",
		"/var/lib/lameduck/a/node1/netns",
	}
	if diff := cmp.Diff(want, mountsBelow(mountTable, "/var/lib/lameduck/a")); diff != "" {
		t.Error(diff)
	}
}

func TestCgroupRoots(t *testing.T) {
	for _, test := range []struct {
		name, table string
		want        []string
	}{
		{"version 2", "cgroup2 /sys/fs/cgroup cgroup2 rw 0 0\n", []string{"/sys/fs/cgroup"}},
		{"both", "tmpfs /sys/fs/cgroup tmpfs ro 0 0\ncgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
			[]string{"/sys/fs/cgroup/cpu", "/sys/fs/cgroup/unified"}},
		{"none", "proc /proc proc rw 0 0\n", nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, cgroupRoots(test.table)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Hierarchies of plain files stand in for the kernel's.
func TestCgroups(t *testing.T) {
	v1, v2 := t.TempDir(), t.TempDir()
	write(t, filepath.Join(v1, "cpuset.cpus"), "0-1\n")
	write(t, filepath.Join(v1, "cpuset.mems"), "0\n")
	write(t, filepath.Join(v2, "cgroup.controllers"), "cpu memory\n")
	c := Cgroups{roots: []string{v1, v2}, path: "/a/node1"}
	if got := c.Existing(); got != nil {
		t.Errorf("before Make there are %v", got)
	}
	if err := c.Make(); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(v2, "cgroup.subtree_control")); got != "+cpu +memory" {
		t.Errorf("version 2 delegates %q", got)
	}
	write(t, filepath.Join(v1, "a/node1/cgroup.procs"), "12\n7\n")
	if err := os.Mkdir(filepath.Join(v2, "a/node1/pod"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(v2, "a/node1/pod/cgroup.procs"), "7\n9\n")
	if got := c.Processes(); !slices.Equal(got, []int{7, 9, 12}) {
		t.Errorf("found the processes %v", got)
	}
	if err := os.Remove(filepath.Join(v1, "a/node1/cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(v2, "a/node1/pod/cgroup.procs")); err != nil {
		t.Fatal(err)
	}
	if err := c.Remove(); err != nil {
		t.Fatal(err)
	}
	if got := c.Existing(); got != nil {
		t.Errorf("after Remove there are %v", got)
	}
	if err := c.Remove(); err != nil {
		t.Errorf("a second Remove: %v", err)
	}
}

func TestDelegateFillsEmptyCpusets(t *testing.T) {
	parent := t.TempDir()
	child := filepath.Join(parent, "child")
	if err := os.Mkdir(child, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(parent, "cpuset.cpus"), "0-3\n")
	write(t, filepath.Join(parent, "cpuset.mems"), "0\n")
	write(t, filepath.Join(child, "cpuset.cpus"), "\n")
	write(t, filepath.Join(child, "cpuset.mems"), "1\n")
	if err := delegate(child); err != nil {
		t.Fatal(err)
	}
	if got := read(t, filepath.Join(child, "cpuset.cpus")); got != "0-3\n" {
		t.Errorf("an empty set became %q", got)
	}
	if got := read(t, filepath.Join(child, "cpuset.mems")); got != "1\n" {
		t.Errorf("a set that was not empty became %q", got)
	}
}

func TestSysctls(t *testing.T) {
	file := filepath.Join(t.TempDir(), "sysctls.json")
	if err := RestoreSysctls(file); err != nil {
		t.Errorf("restoring what was never saved: %v", err)
	}
	if err := SaveSysctls(file); err != nil {
		t.Fatal(err)
	}
	first := read(t, file)
	for _, path := range kubeletSysctls {
		if _, err := os.Stat(path); err == nil && !strings.Contains(first, path) {
			t.Errorf("%s is not saved", path)
		}
	}
	write(t, file, "{}")
	if err := SaveSysctls(file); err != nil {
		t.Fatal(err)
	}
	if got := read(t, file); got != "{}" {
		t.Errorf("a second instance overwrote what the first had saved with %s", got)
	}
	if err := RestoreSysctls(file); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("the file is still there after RestoreSysctls")
	}
}

func TestTraces(t *testing.T) {
	dir, socket := t.TempDir(), filepath.Join(t.TempDir(), "shim")
	task := filepath.Join(dir, "node1/containerd-state/io.containerd.runtime.v2.task/k8s.io/abc")
	if err := os.MkdirAll(task, 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(task, "address"), "unix://"+socket)
	if got := Traces(dir); got != nil {
		t.Errorf("without a socket: %v", got)
	}
	write(t, socket, "")
	got := Traces(dir)
	if !slices.Equal(got, []string{socket}) {
		t.Errorf("got %v, want %s", got, socket)
	}
	if err := RemoveTraces(append(got, socket)); err != nil {
		t.Error(err)
	}
	if got := Traces(dir); got != nil {
		t.Errorf("after removal: %v", got)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}
