package proc

import (
	"context"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"
)

func startSleep(t *testing.T) (*Process, Set) {
	t.Helper()
	set := Set{Dir: t.TempDir()}
	p, err := set.Start(Spec{Name: "node1/sleep", Args: []string{"sleep", "60"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p, set
}

func TestLife(t *testing.T) {
	p, set := startSleep(t)
	other := set.Process("node1/sleep") // as another process would have it
	first, err := other.PID()
	if err != nil || !other.Running() || other.State() != "running" {
		t.Fatalf("after Start: pid %d, %s, %v", first, other.State(), err)
	}
	if err := p.Start(); err == nil || !strings.Contains(err.Error(), "already running") {
		t.Errorf("started twice: %v", err)
	}
	if err := p.Pause(); err != nil || other.State() != "paused" {
		t.Errorf("after Pause: %s, %v", other.State(), err)
	}
	begin := time.Now()
	if err := p.Stop(t.Context()); err != nil || other.State() != "stopped" || other.Running() {
		t.Errorf("after Stop: %s, %v", other.State(), err)
	}
	if took := time.Since(begin); took > stopGrace/2 {
		t.Errorf("a paused process took %v to stop: it did not get the SIGTERM", took)
	}
	if err := p.Stop(t.Context()); err != nil {
		t.Errorf("stopping a stopped process: %v", err)
	}
	if err := p.Pause(); err == nil || !strings.Contains(err.Error(), "is not running") {
		t.Errorf("pausing a stopped process: %v", err)
	}
	if err := other.Start(); err != nil {
		t.Fatal(err)
	}
	if err := p.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last, err := p.PID(); err != nil || last == first {
		t.Errorf("after a restart: pid %d, was %d, %v", last, first, err)
	}
}

func TestStopKillsInTheEnd(t *testing.T) {
	set := Set{Dir: t.TempDir()}
	p, err := set.Start(Spec{Name: "deaf", Args: []string{"sh", "-c", "trap '' TERM; while :; do sleep 0.05; done"}})
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(100 * time.Millisecond) // for the trap to be set
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := p.Stop(ctx); err != nil || p.Running() {
		t.Errorf("running: %v, %v", p.Running(), err)
	}
}

func TestNoSuchProcess(t *testing.T) {
	p := Set{Dir: t.TempDir()}.Process("nobody")
	for name, act := range map[string]func() error{
		"Start": p.Start, "Pause": p.Pause, "Resume": p.Resume, "Kill": p.Kill,
	} {
		if err := act(); err == nil || !strings.Contains(err.Error(), "there is no process nobody") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := (Set{Dir: t.TempDir()}).Start(Spec{Name: "x", Args: []string{"/no/such/program"}}); err == nil {
		t.Error("a missing program was started")
	}
}

// A record whose process id was reused must not be believed.
func TestReusedID(t *testing.T) {
	p, _ := startSleep(t)
	r, err := p.read()
	if err != nil {
		t.Fatal(err)
	}
	stale := r
	stale.Started--
	if err := p.write(stale); err != nil {
		t.Fatal(err)
	}
	if p.Running() {
		t.Error("a process with another start time counts as ours")
	}
	if err := p.write(r); err != nil {
		t.Fatal(err)
	}
}

func TestMarked(t *testing.T) {
	p, set := startSleep(t)
	pid, err := p.PID()
	if err != nil {
		t.Fatal(err)
	}
	child := exec.Command("sleep", "60") // like a shim: started by one of ours, recorded nowhere
	child.Env = append(os.Environ(), set.Environment())
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = child.Process.Kill(); _ = child.Wait() }()
	want := []int{pid, child.Process.Pid}
	slices.Sort(want)
	got := Marked(set.Dir)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("found %v, want %v", got, want)
	}
	if got := Marked(set.Dir + "x"); len(got) > 0 {
		t.Errorf("another instance's marker finds %v", got)
	}
	if got := Marked(set.Dir[:len(set.Dir)-1]); len(got) > 0 {
		t.Errorf("the beginning of a marker finds %v", got)
	}
	if got := Describe(pid); !strings.Contains(got, "sleep 60") {
		t.Errorf("described as %q", got)
	}
}

func TestParseStat(t *testing.T) {
	const rest = " 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1"
	for _, test := range []struct {
		line    string
		state   byte
		started uint64
	}{
		{"7 (sleep) S" + rest, 'S', 4242},
		{"7 (a) b (c) T" + rest, 'T', 4242},
		{"7 () Z" + rest, 'Z', 4242},
	} {
		state, started, err := parseStat([]byte(test.line))
		if err != nil || state != test.state || started != test.started {
			t.Errorf("%q: %c %d %v, want %c %d", test.line, state, started, err, test.state, test.started)
		}
	}
	for _, line := range []string{"", "7 sleep S" + rest, "7 (sleep) S 1", "7 (sleep) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 x"} {
		if _, _, err := parseStat([]byte(line)); err == nil {
			t.Errorf("%q passes", line)
		}
	}
}

func FuzzParseStat(f *testing.F) {
	f.Add([]byte("7 (sleep) S 1 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 4242 1 1"))
	f.Add([]byte(")"))
	f.Fuzz(func(t *testing.T, line []byte) {
		state, _, err := parseStat(line)
		if err == nil && state == 0 {
			t.Error("no error and no state")
		}
	})
}
