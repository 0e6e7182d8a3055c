package host

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// kubeletSysctls are the machine's settings that every kubelet changes when it starts; it has no option against that.
var kubeletSysctls = []string{
	"/proc/sys/vm/overcommit_memory",
	"/proc/sys/vm/panic_on_oom",
	"/proc/sys/kernel/panic",
	"/proc/sys/kernel/panic_on_oops",
	"/proc/sys/kernel/keys/root_maxkeys",
	"/proc/sys/kernel/keys/root_maxbytes",
}

// SaveSysctls writes the settings to file, unless an instance that is still up did so.
func SaveSysctls(file string) error {
	if _, err := os.Stat(file); err == nil {
		return nil
	}
	values := map[string]string{}
	for _, path := range kubeletSysctls {
		if value, err := os.ReadFile(path); err == nil {
			values[path] = string(value)
		}
	}
	content, err := json.MarshalIndent(values, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, content, 0o600); err != nil {
		return fmt.Errorf("saving the host's settings: %w", err)
	}
	return nil
}

// RestoreSysctls restores what SaveSysctls wrote to file, and removes the file.
func RestoreSysctls(file string) error {
	content, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("restoring the host's settings: %w", err)
	}
	var values map[string]string
	if err := json.Unmarshal(content, &values); err != nil {
		return fmt.Errorf("restoring the host's settings from %s: %w", file, err)
	}
	for _, path := range kubeletSysctls {
		value, saved := values[path]
		if !saved {
			continue
		}
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			return fmt.Errorf("restoring the host's settings: %w", err)
		}
	}
	return os.Remove(file)
}
