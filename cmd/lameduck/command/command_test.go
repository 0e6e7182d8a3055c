package command

import (
	"errors"
	"fmt"
	"testing"
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
