package action

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// commandGrace is how long a command may take to end after SIGINT, when its time is over.
const commandGrace = 5 * time.Second

// Command runs a program; it fails when the program does.
func (a *Actor) Command(argv []string) (*Action, error) {
	if len(argv) == 0 {
		return nil, fmt.Errorf("%w: no command after --", ErrUsage)
	}
	path, err := exec.LookPath(argv[0])
	if err != nil {
		return nil, fmt.Errorf("%w: command %q: %w", ErrUsage, argv[0], err)
	}
	name := strings.Join(argv, " ")
	return &Action{Name: name, Do: func(ctx context.Context) error {
		cmd := exec.CommandContext(ctx, path, argv[1:]...)
		cmd.Stdout, cmd.Stderr = a.Log, a.Log
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = commandGrace
		a.logf("running %s", name)
		if err := cmd.Run(); err != nil {
			if ctx.Err() != nil {
				err = errors.Join(context.Cause(ctx), err)
			}
			return fmt.Errorf("command %s: %w", name, err)
		}
		return nil
	}}, nil
}
