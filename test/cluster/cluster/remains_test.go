//go:build cluster

package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
)

// TestCrash kills a process at several moments while it brings a cluster up, and checks that Remove leaves nothing.
func TestCrash(t *testing.T) {
	const name = "test-crash"
	for _, moment := range []struct {
		name  string
		line  string // in the progress
		after time.Duration
	}{
		{"before anything is made", "", 0},
		{"while it prepares", "", 100 * time.Millisecond},
		{"while the control plane starts", "starting the control plane", 10 * time.Millisecond},
		{"while the container runtimes start", "starting the control plane", 600 * time.Millisecond},
		{"while the agents start", "starting kubelets", 50 * time.Millisecond},
		{"while pods start", "starting kubelets", 3 * time.Second},
	} {
		t.Run(moment.name, func(t *testing.T) {
			up := exec.Command(os.Args[0])
			up.Env = append(os.Environ(), crashName+"="+name)
			output, err := up.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := up.Start(); err != nil {
				t.Fatal(err)
			}
			if !awaitLine(output, moment.line) {
				t.Error("it ended before it got that far")
			}
			time.Sleep(moment.after)
			if err := up.Process.Kill(); err != nil {
				t.Error(err)
			}
			_, _ = io.Copy(io.Discard, output)
			_ = up.Wait()
			left, err := cluster.Attach(name)
			if err == nil {
				footprint, _ := left.Footprint()
				t.Logf("killed, it leaves %d things", len(footprint))
			}
			if err := cluster.Remove(t.Context(), name); err != nil && !errors.Is(err, cluster.ErrNotUp) {
				t.Fatal(err)
			}
			if left != nil {
				mustLeaveNothing(t, left)
			}
			if err := cluster.Remove(t.Context(), name); !errors.Is(err, cluster.ErrNotUp) {
				t.Errorf("a second Remove: %v", err)
			}
		})
	}
}

func awaitLine(output io.Reader, part string) bool {
	lines := bufio.NewScanner(output)
	for part != "" && lines.Scan() {
		if strings.Contains(lines.Text(), part) {
			return true
		}
	}
	return part == ""
}

// TestInterrupted ends the context of Start halfway: Start must clean up by itself. Until then nobody else may.
func TestInterrupted(t *testing.T) {
	const name = "test-interrupted"
	ctx, cancel := context.WithCancelCause(t.Context())
	interrupted := errors.New("interrupted by the test")
	attached := make(chan *cluster.Cluster, 1)
	go func() {
		for ctx.Err() == nil {
			if c, err := cluster.Attach(name); err == nil && c.APIServer.Running() {
				if err := cluster.Remove(ctx, name); err == nil || !strings.Contains(err.Error(), "another process is bringing it up") {
					t.Errorf("taken down while it comes up: %v", err)
				}
				attached <- c
				cancel(interrupted)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	_, err := cluster.Start(ctx, cluster.Options{Name: name, Nodes: 1, Progress: testLog{t}})
	if !errors.Is(err, interrupted) {
		t.Errorf("Start returned %v", err)
	}
	mustLeaveNothing(t, <-attached)
}
