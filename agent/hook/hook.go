// Package hook runs a pod's own preStop hook as the kubelet would.
package hook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// maxOutput bounds what is kept of a command's output, in bytes: its beginning.
const maxOutput = 512

// Exec runs a command.
type Exec struct {
	Command []string
}

// Run runs the command until it ends. If ctx ends first, the command and all its children that
// stayed in its process group are killed.
func (e Exec) Run(ctx context.Context) (string, error) {
	if len(e.Command) == 0 {
		return "failed", errors.New("no command")
	}
	cmd := exec.CommandContext(ctx, e.Command[0], e.Command[1:]...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	// A child that outlives the command holds its output open: it is not waited for.
	cmd.WaitDelay = 50 * time.Millisecond
	output := &head{}
	cmd.Stdout, cmd.Stderr = output, output
	err := cmd.Run()
	if errors.Is(err, exec.ErrWaitDelay) {
		err = nil
	}
	switch {
	case ctx.Err() != nil:
		return "was killed", fmt.Errorf("%s was killed when its time was over%s", e.Command[0], output)
	case err != nil:
		return "failed", fmt.Errorf("%s: %w%s", e.Command[0], err, output)
	}
	return "ended", nil
}

// head keeps the beginning of what is written to it.
type head struct {
	text bytes.Buffer
}

func (h *head) Write(data []byte) (int, error) {
	h.text.Write(data[:min(len(data), maxOutput-h.text.Len())])
	return len(data), nil
}

func (h *head) String() string {
	if text := strings.TrimSpace(h.text.String()); text != "" {
		return ": " + text
	}
	return ""
}
