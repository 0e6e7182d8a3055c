package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Links returns which of the named network links exist on the host.
func Links(names []string) []string {
	var existing []string
	for _, name := range names {
		if _, err := os.Stat(filepath.Join("/sys/class/net", name)); err == nil {
			existing = append(existing, name)
		}
	}
	return existing
}

// IP runs an `ip -batch` script on the host.
func IP(ctx context.Context, script string) error {
	cmd := exec.CommandContext(ctx, "ip", "-batch", "-")
	cmd.Stdin = strings.NewReader(script)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("ip: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return nil
}

// RemoveLinks removes those of the named links that exist; their addresses and routes go with them.
func RemoveLinks(ctx context.Context, names []string) error {
	var failed []error
	for _, name := range Links(names) {
		// A link disappears by itself once the namespace of its other end is gone, perhaps right now.
		if err := IP(ctx, "link delete "+name+"\n"); err != nil && len(Links([]string{name})) > 0 {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}
