package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// startWithin is how long a process may take to answer: a JVM on a loaded machine takes its time.
const startWithin = 3 * time.Minute

// stopGrace is the time between SIGTERM and SIGKILL.
const stopGrace = 15 * time.Second

// process says how to run a process.
type process struct {
	name  string
	dir   string // its working folder and home, with its log
	args  []string
	stdin bool
	ready func(ctx context.Context) error // nil once it answers
}

// Process is a running process. It ends with the program that started it, however that ends.
type Process struct {
	process
	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stdout io.Reader
	ended  chan struct{}
}

// start starts the process and waits until it is ready.
func (p process) start(ctx context.Context) (*Process, error) {
	running, err := p.launch()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", p.name, err)
	}
	if err := running.awaitReady(ctx); err != nil {
		running.Kill()
		return nil, fmt.Errorf("starting %s: %w\n%s", p.name, err, running.LogTail())
	}
	return running, nil
}

func (p process) launch() (*Process, error) {
	if err := os.MkdirAll(p.dir, 0o755); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(p.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	running := &Process{process: p, cmd: exec.Command(p.args[0], p.args[1:]...), ended: make(chan struct{})}
	running.cmd.Dir = p.dir
	// Little else from the caller: a proxy in its environment would get between the test and its servers.
	running.cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir}
	running.cmd.Stdout, running.cmd.Stderr = log, log
	running.cmd.SysProcAttr = dieWithParent()
	if p.stdin {
		if running.stdin, err = running.cmd.StdinPipe(); err != nil {
			return nil, err
		}
		running.cmd.Stdout = nil
		if running.stdout, err = running.cmd.StdoutPipe(); err != nil {
			return nil, err
		}
	}
	started := make(chan error)
	go func() {
		// Pdeathsig fires when the thread that started the process ends, so this thread waits for the process.
		runtime.LockOSThread()
		defer close(running.ended)
		err := running.cmd.Start()
		started <- err
		if err == nil {
			_, _ = running.cmd.Process.Wait() // not cmd.Wait, which would close the pipes on their readers
		}
	}()
	return running, <-started
}

func (p *Process) awaitReady(ctx context.Context) error {
	const pause = 100 * time.Millisecond
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, fmt.Errorf("it did not answer within %v", startWithin))
	defer cancel()
	for {
		attempt, cancelAttempt := context.WithTimeout(ctx, 2*time.Second)
		err := p.ready(attempt)
		cancelAttempt()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-p.ended:
			return errors.New("it ended at once")
		case <-time.After(pause):
		}
	}
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Stop ends the process as Kubernetes does: SIGTERM, and SIGKILL if it takes too long.
func (p *Process) Stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	_ = p.cmd.Process.Signal(syscall.SIGCONT) // a paused one gets the SIGTERM only once it continues
	select {
	case <-p.ended:
	case <-time.After(stopGrace):
		p.Kill()
	}
}

// Kill ends the process by SIGKILL: what it registered stays.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}

// Pause makes the process hang: its connections stay, and nothing is answered.
func (p *Process) Pause() error { return p.cmd.Process.Signal(syscall.SIGSTOP) }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.cmd.Process.Signal(syscall.SIGCONT) }

// Restart starts the process again, with its old arguments, address and data.
func (p *Process) Restart(ctx context.Context) error {
	p.Stop()
	again, err := p.start(ctx)
	if err != nil {
		return err
	}
	*p = *again
	return nil
}

func (p process) log() string { return filepath.Join(p.dir, "log") }

// LogTail is the end of the process's log, for a failure.
func (p *Process) LogTail() string {
	const lines = 40
	content, err := os.ReadFile(p.log())
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(content)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
