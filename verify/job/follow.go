package job

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/report"
	"github.com/lameduck-dev/lameduck/verify/podlog"
	"github.com/lameduck-dev/lameduck/workload/printable"
)

// rereads is how often a log is read again from its start when pieces of the result are missing.
const rereads = 2

// Unknown is the exit code of a pod that was gone before it could be asked.
const Unknown = -1

// follow shows the pod's log until it has ended, and returns what it left. When ctx ends it stops the pod,
// and goes on until that has written its result.
func (r *run) follow(ctx context.Context, pod string) (*report.Verify, int, error) {
	// Both the log and the questions outlast ctx, for a while.
	reading, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	ended := make(chan struct{})
	var stopping sync.WaitGroup
	defer stopping.Wait()
	defer close(ended)
	stopping.Go(func() {
		select {
		case <-ended:
			return
		case <-ctx.Done():
		}
		printable.Fprintf(r.Out, "stopping job/%s: what it saw until now follows\n", r.name)
		limit := time.After(grace + goneMargin)
		for r.stop(reading) != nil {
			if pause(reading) != nil {
				return
			}
			select {
			case <-ended:
				return
			case <-limit:
				giveUp()
				return
			default:
			}
		}
		select {
		case <-ended:
		case <-limit:
			giveUp()
		}
	})
	for again := 0; ; {
		readErr := r.read(reading, pod)
		state, err := r.poll(reading)
		switch {
		case reading.Err() != nil:
			return nil, 0, fmt.Errorf("job/%s gave no result when it was told to stop", r.name)
		case err != nil:
			return nil, 0, fmt.Errorf("job/%s: %w", r.name, err)
		case state.name == "" && r.result.complete(): // it went right after its last word
			result, err := r.result.result()
			return result, Unknown, err
		case state.name == "":
			return nil, 0, r.failedJob(reading)
		case state.exit == nil && state.failed != nil:
			return nil, 0, state.failed
		case state.exit != nil && (again == rereads || readErr == nil && r.result.complete()):
			return r.ended(state.exit)
		case state.exit != nil:
			again++
			r.since = time.Time{}
		}
		if pause(reading) != nil {
			continue // the next look tells
		}
	}
}

// read shows the log from where it was left, and collects the result from it.
func (r *run) read(ctx context.Context, pod string) error {
	body, err := r.Open(ctx, pod, r.since)
	if err != nil {
		return err
	}
	defer body.Close()
	before := r.shown
	r.since, err = podlog.Read(body, r.since, func(at time.Time, text []byte) {
		line := strings.TrimSuffix(string(text), "\n")
		if r.result.add(line) || !at.After(before) {
			return
		}
		r.shown = at
		switch r.lines++; {
		case r.lines < linesShown:
			printable.Fprintf(r.Out, "%s\n", line)
		case r.lines == linesShown:
			printable.Fprintf(r.Out, "its log goes on; no more of it is shown\n")
		}
	})
	return err
}

// ended returns the result of a pod that has ended. One that proved nothing has said so itself.
func (r *run) ended(exit *corev1.ContainerStateTerminated) (*report.Verify, int, error) {
	code := int(exit.ExitCode)
	result, err := r.result.result()
	switch {
	case err == nil:
		return result, code, nil
	case errors.Is(err, errNoResult) && (code == 2 || code == 3):
		return nil, code, nil
	}
	return nil, code, fmt.Errorf("job/%s ended with exit code %d (%s), and %w", r.name, code, strings.TrimSpace(exit.Reason+" "+exit.Message), err)
}
