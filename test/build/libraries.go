package build

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Libraries are the paths of the shared libraries that the binaries are linked with, the loader included.
func Libraries(ctx context.Context, binaries []string) (paths []string, err error) {
	out, err := exec.CommandContext(ctx, "ldd", binaries...).Output()
	if err != nil {
		return nil, fmt.Errorf("asking ldd for the libraries: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if !strings.HasPrefix(line, "\t") {
			continue // names the binary
		}
		fields := strings.Fields(line)
		for _, field := range fields {
			if filepath.IsAbs(field) {
				paths = append(paths, filepath.Clean(field))
			}
		}
		// Some are found beside another of the binaries, such as the Java runtime's own.
		own := slices.ContainsFunc(binaries, func(path string) bool { return filepath.Base(path) == fields[0] })
		if strings.Contains(line, "not found") && !own {
			return nil, fmt.Errorf("the library %s is missing", fields[0])
		}
	}
	return paths, nil
}
