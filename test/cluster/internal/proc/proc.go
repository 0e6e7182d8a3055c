// Package proc starts the long-running processes of an instance, and finds, signals and ends them from any
// other process. Each has its own session, a log, and a record on disk with its id and start time. All carry a
// marker in their environment, which their children inherit: it finds whatever `up` started, even if `up`
// died between starting a process and recording it. Nothing is ever found by a program's name.
package proc

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/netns"
)

// MarkerVariable holds the directory of the instance that a process belongs to.
const MarkerVariable = "LAMEDUCK_CLUSTER"

// stopGrace is the time between SIGTERM and SIGKILL.
const stopGrace = 10 * time.Second

// What the kernel usually does at once takes longer on an overloaded machine.
const (
	killGrace  = time.Minute     // from SIGKILL until the process is gone
	pauseGrace = 5 * time.Second // from SIGSTOP until all threads have stopped
)

// Set is the processes of one instance. Its records are in Dir/processes, its logs in Dir/logs.
type Set struct{ Dir string }

// Spec says how to start a process.
type Spec struct {
	Name  string   `json:"name"` // such as etcd or node1/kubelet
	Args  []string `json:"args"`
	Netns string   `json:"netns,omitempty"` // the file that pins its network namespace; empty for the host's
	// Folders are those that only this process sees replaced: path by replacement.
	Folders map[string]string `json:"folders,omitempty"`
}

type record struct {
	Spec
	PID     int    `json:"pid"`
	Started uint64 `json:"started"` // clock ticks since boot, as in /proc/PID/stat
}

// Process is a handle on a process by its name. It holds no state: all handles, in all processes, agree.
type Process struct {
	Name string
	set  Set
}

// Process returns the handle for name, whether or not there is such a process.
func (s Set) Process(name string) *Process { return &Process{Name: name, set: s} }

// Start starts a process by its spec, and records it under its name.
func (s Set) Start(spec Spec) (*Process, error) {
	p := s.Process(spec.Name)
	return p, p.start(spec)
}

// Environment is the marker that every process of this instance must have in its environment.
func (s Set) Environment() string { return MarkerVariable + "=" + s.Dir }

// Log is the path of the process's output.
func (p *Process) Log() string {
	return filepath.Join(p.set.Dir, "logs", strings.ReplaceAll(p.Name, "/", "-")+".log")
}

func (p *Process) recordPath() string {
	return filepath.Join(p.set.Dir, "processes", strings.ReplaceAll(p.Name, "/", "-")+".json")
}

// Start starts the process again as it was started the first time. It fails if the process is running.
func (p *Process) Start() error {
	r, err := p.read()
	if err != nil {
		return err
	}
	if isRunning(r.PID, r.Started) {
		return fmt.Errorf("starting %s: it is already running, as process %d", p.Name, r.PID)
	}
	return p.start(r.Spec)
}

func (p *Process) start(spec Spec) error {
	for _, path := range []string{p.Log(), p.recordPath()} {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("starting %s: %w", p.Name, err)
		}
	}
	log, err := os.OpenFile(p.Log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	defer log.Close()
	cmd := exec.Command(spec.Args[0], spec.Args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = p.set.Dir
	// Little else from the caller: a proxy in its environment would get between the parts of the cluster.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.set.Dir, p.set.Environment()}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	launch := cmd.Start
	if spec.Netns != "" {
		launch = func() error { return netns.Do(spec.Netns, cmd.Start) }
	}
	if err := withFolders(spec.Folders, launch); err != nil {
		return fmt.Errorf("starting %s: %w", p.Name, err)
	}
	started, err := startTime(cmd.Process.Pid)
	go func() { _ = cmd.Wait() }() // reaps it; how it ended is in its log
	if err != nil {
		return fmt.Errorf("starting %s: it ended at once, see %s", p.Name, p.Log())
	}
	return p.write(record{Spec: spec, PID: cmd.Process.Pid, Started: started})
}

// Running reports whether the process exists, paused or not.
func (p *Process) Running() bool {
	r, err := p.read()
	return err == nil && isRunning(r.PID, r.Started)
}

// State is the process's state in a word: running, paused or stopped.
func (p *Process) State() string {
	pid, err := p.PID()
	switch {
	case err != nil:
		return "stopped"
	case allThreadsIn(pid, 'T'):
		return "paused"
	}
	return "running"
}

// PID is the process's id, or an error if it is not running.
func (p *Process) PID() (int, error) {
	r, err := p.read()
	if err != nil {
		return 0, err
	}
	if !isRunning(r.PID, r.Started) {
		return 0, fmt.Errorf("%s is not running, see %s", p.Name, p.Log())
	}
	return r.PID, nil
}

// Pause freezes the process (SIGSTOP) and returns when all its threads have stopped.
func (p *Process) Pause() error { return p.signal(syscall.SIGSTOP, 'T') }

// Resume lets a paused process go on.
func (p *Process) Resume() error { return p.signal(syscall.SIGCONT, 0) }

func (p *Process) signal(signal syscall.Signal, until byte) error {
	pid, err := p.PID()
	if err != nil {
		return err
	}
	if err := syscall.Kill(pid, signal); err != nil {
		return fmt.Errorf("signalling %s: %w", p.Name, err)
	}
	for began := time.Now(); time.Since(began) < pauseGrace; time.Sleep(time.Millisecond) {
		if until == 0 || allThreadsIn(pid, until) {
			return nil
		}
	}
	return fmt.Errorf("signalling %s: it did not stop within %v of %v", p.Name, pauseGrace, signal)
}

// Stop ends the process: SIGTERM, then SIGKILL after 10 s or when ctx ends. It is not an error if the process is not
// running.
func (p *Process) Stop(ctx context.Context) error {
	r, err := p.read()
	if err != nil {
		return err
	}
	if !isRunning(r.PID, r.Started) {
		return nil
	}
	// A paused process gets the SIGTERM only once it continues.
	_ = syscall.Kill(r.PID, syscall.SIGTERM)
	_ = syscall.Kill(r.PID, syscall.SIGCONT)
	ctx, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	if waitEnd(ctx, r.PID, r.Started) {
		return nil
	}
	return p.Kill()
}

// Kill ends the process by SIGKILL and waits until it is gone.
func (p *Process) Kill() error {
	r, err := p.read()
	if err != nil {
		return err
	}
	if !isRunning(r.PID, r.Started) {
		return nil
	}
	_ = syscall.Kill(r.PID, syscall.SIGKILL)
	ctx, cancel := context.WithTimeout(context.Background(), killGrace)
	defer cancel()
	if !waitEnd(ctx, r.PID, r.Started) {
		return fmt.Errorf("stopping %s: process %d did not end %v after SIGKILL", p.Name, r.PID, killGrace)
	}
	return nil
}

// Restart stops the process and starts it again.
func (p *Process) Restart(ctx context.Context) error {
	if err := p.Stop(ctx); err != nil {
		return err
	}
	return p.Start()
}

func (p *Process) read() (record, error) {
	var r record
	data, err := os.ReadFile(p.recordPath())
	if errors.Is(err, fs.ErrNotExist) {
		return r, fmt.Errorf("there is no process %s in this cluster", p.Name)
	}
	if err != nil {
		return r, fmt.Errorf("reading the record of %s: %w", p.Name, err)
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return r, fmt.Errorf("reading the record of %s: %w", p.Name, err)
	}
	return r, nil
}

func (p *Process) write(r record) error {
	data, err := json.Marshal(r)
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.recordPath()+".new", data, 0o600); err != nil {
		return fmt.Errorf("recording %s: %w", p.Name, err)
	}
	return os.Rename(p.recordPath()+".new", p.recordPath())
}
