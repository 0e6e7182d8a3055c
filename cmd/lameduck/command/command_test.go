package command

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"k8s.io/klog/v2"
)

func TestExitCode(t *testing.T) {
	tests := []struct {
		name string
		err  error
		want int
	}{
		{"success", nil, 0},
		{"usage", errors.New("unknown flag"), 2},
		{"coded", &exitError{code: 1}, 1},
		{"wrapped", fmt.Errorf("verifying: %w", &exitError{code: 3, err: errors.New("no cluster")}), 3},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := exitCode(tt.err); got != tt.want {
				t.Errorf("exit code %d, want %d", got, tt.want)
			}
		})
	}
}

// TestLibrariesLogsAreGuarded: what client-go logs goes where all else goes.
func TestLibrariesLogsAreGuarded(t *testing.T) {
	var out, errs bytes.Buffer
	root := newRoot(testBuild)
	guard(root, &out, &errs)
	logTo(root.ErrOrStderr())
	t.Cleanup(func() { logTo(os.Stderr) })
	klog.Warning("watch ended with \x1b[31mred\x1b[0m")
	klog.Flush()
	if text := errs.String(); !strings.Contains(text, "watch ended with") || strings.Contains(text, "\x1b[31m") {
		t.Errorf("%q", text)
	}
}
