// Package registries runs lameduck-registry beside the agent: a program of its own, since the
// HTTP and TLS that registries speak would make the agent several times as large.
package registries

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os/exec"
	"time"

	"github.com/lameduck-dev/lameduck/agent/guard"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// endTime is how long the program has, from the end of its input, until it is killed.
const endTime = 500 * time.Millisecond

// Process is the program and its arguments.
type Process struct {
	Path   string
	Specs  []string // one a registry, as written in flag, annotation or policy
	Errors io.Writer
}

// Leave starts the program and gives its events, until it has ended. What can't be started or
// understood ends the channel early, with a failure as its last event.
func (p Process) Leave(ctx context.Context, budget time.Duration) <-chan wire.Event {
	events := make(chan wire.Event)
	fail := func(err error) {
		pass(ctx, events, wire.Event{Event: wire.Failed, Registry: "registries", Time: time.Now(), Detail: err.Error(), GivenUp: true})
	}
	guard.Go(func() {
		if err := p.run(ctx, budget, events); err != nil && ctx.Err() == nil {
			fail(err)
		}
		close(events)
	}, func(err error) {
		fail(err)
		close(events)
	})
	return events
}

func (p Process) run(ctx context.Context, budget time.Duration, events chan<- wire.Event) error {
	args := []string{"leave", "--budget=" + budget.String()}
	for _, spec := range p.Specs {
		args = append(args, "--registry="+spec)
	}
	cmd := exec.Command(p.Path, args...)
	cmd.Stderr = p.Errors
	cmd.WaitDelay = endTime
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting lameduck-registry: %w", err)
	}
	// It ends when its input does, and is killed if it doesn't. What it started may live on, and
	// is not waited for.
	end := func() {
		_ = cmd.Process.Kill()
		stdout.Close()
	}
	stop := context.AfterFunc(ctx, func() {
		stdin.Close()
		time.AfterFunc(endTime, end)
	})
	readErr := read(ctx, stdout, events)
	if stop() {
		stdin.Close()
		end()
	}
	if err := cmd.Wait(); readErr == nil {
		readErr = err
	}
	return readErr
}

func read(ctx context.Context, from io.Reader, events chan<- wire.Event) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 4<<10), wire.MaxLine)
	for lines.Scan() {
		event, err := wire.Decode(lines.Bytes())
		if err != nil {
			return fmt.Errorf("lameduck-registry: %w", err)
		}
		pass(ctx, events, event)
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("lameduck-registry: %w", err)
	}
	return nil
}

func pass(ctx context.Context, events chan<- wire.Event, event wire.Event) {
	select {
	case events <- event:
	case <-ctx.Done():
	}
}
