package host

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	// containerLogs is where every kubelet links its containers' logs, whatever its configuration.
	containerLogs = "/var/log/containers"
	// cniResults is where the CNI library notes which networks containers have joined.
	cniResults = "/var/lib/cni/results"
	// KubeletFolder is where every kubelet listens for device plugins, whatever its configuration: two at once would
	// get in each other's way, so each has a folder of its own mounted there.
	KubeletFolder = "/var/lib/kubelet"
)

// Traces are the files outside an instance's folder that its programs leave when they are killed: links to its
// logs, notes about its containers' networks, and the sockets of its containers' shims.
func Traces(dir string) []string {
	var traces []string
	links, _ := filepath.Glob(filepath.Join(containerLogs, "*"))
	for _, link := range links {
		if target, err := os.Readlink(link); err == nil && strings.HasPrefix(target, dir+"/") {
			traces = append(traces, link)
		}
	}
	notes, _ := filepath.Glob(filepath.Join(cniResults, "*"))
	for _, note := range notes {
		// A note says where its container's network namespace is pinned: in the instance's folder.
		if content, err := os.ReadFile(note); err == nil && bytes.Contains(content, []byte(`"`+dir+"/")) {
			traces = append(traces, note)
		}
	}
	// containerd keeps the address of each shim's socket beside the container's bundle.
	addresses, _ := filepath.Glob(filepath.Join(dir, "*", "containerd-state", "io.containerd.runtime.v2.task", "*", "*", "address"))
	for _, file := range addresses {
		address, _ := os.ReadFile(file)
		socket := strings.TrimPrefix(strings.TrimSpace(string(address)), "unix://")
		if _, err := os.Lstat(socket); err == nil && filepath.IsAbs(socket) {
			traces = append(traces, socket)
		}
	}
	return traces
}

// RemoveTraces removes what Traces found.
func RemoveTraces(traces []string) error {
	var failed []error
	for _, trace := range traces {
		if err := os.Remove(trace); err != nil && !errors.Is(err, fs.ErrNotExist) {
			failed = append(failed, fmt.Errorf("removing a leftover: %w", err))
		}
	}
	return errors.Join(failed...)
}

// RemoveSharedTraces removes, after the last instance, the shared folders that are now empty.
func RemoveSharedTraces() {
	for _, dir := range []string{KubeletFolder, cniResults, filepath.Dir(cniResults), containerLogs} {
		_ = os.Remove(dir) // fails if it is not empty: then it is somebody else's
	}
}
