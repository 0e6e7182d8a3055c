package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/kinds"
	"github.com/lameduck-dev/lameduck/registry/local"
	"github.com/lameduck-dev/lameduck/registry/spring"
	"github.com/lameduck-dev/lameduck/registry/wire"
)

// open reads a spec, completes it with the settings of the application in this container, and makes
// its client.
func open(text string, pod registry.Pod) (registry.Spec, registry.Registry, error) {
	spec, err := kinds.All.ParseSpec(text)
	if err != nil {
		return spec, nil, err
	}
	if spec, pod, err = spring.Complete(spec, pod, spring.Read(spring.Main())); err != nil {
		return spec, nil, err
	}
	client, err := kinds.All.Open(spec.WithSecrets(local.Secret), pod)
	return spec, client, err
}

// leave takes the instance out of all registries at the same time. A registry whose spec can't be
// understood is reported as failed, and the others are left nevertheless.
func leave(ctx context.Context, in *input, stdin io.Reader, stdout, stderr io.Writer) int {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		io.Copy(io.Discard, stdin) //nolint:errcheck // its end is all that counts
		cancel()
	}()
	var mu sync.Mutex
	say := func(e wire.Event) {
		mu.Lock()
		defer mu.Unlock()
		if err := wire.Encode(stdout, e); err != nil {
			fmt.Fprintf(stderr, "lameduck-registry leave: %v\n", err)
		}
	}
	var all sync.WaitGroup
	for _, text := range in.texts {
		all.Go(func() {
			spec, client, err := open(text, in.pod)
			if err != nil {
				refuse(spec, text, err, say)
				return
			}
			registry.Leave(ctx, spec, client, in.budget, say)
		})
	}
	all.Wait()
	<-ctx.Done()
	return ExitDone
}

// refuse reports, for a registry whose spec can't be understood, how long its consumers must be
// waited for all the same.
func refuse(spec registry.Spec, text string, err error, say func(wire.Event)) {
	name := spec.Name()
	if spec.IsZero() {
		name, _, _ = strings.Cut(strings.TrimSpace(text), " ")
	}
	for _, e := range []wire.Event{registry.Plan(spec, spec.Stale()), {Event: wire.Failed, Detail: err.Error(), GivenUp: true}} {
		e.Registry, e.Time = name, time.Now()
		say(e)
	}
}

// retry is the time between two tries of a restore.
const retry = time.Second

// restore clears what was left, trying until the budget is spent.
func restore(ctx context.Context, in *input, _ io.Reader, stdout, stderr io.Writer) int {
	code := ExitDone
	for _, text := range in.texts {
		spec, client, err := open(text, in.pod)
		if err != nil {
			fmt.Fprintf(stderr, "lameduck-registry restore: %v\n", err)
			return ExitUsage
		}
		within, cancel := context.WithTimeout(ctx, in.budget)
		err = restoreWithin(within, spec, client)
		cancel()
		if err != nil {
			fmt.Fprintf(stderr, "%s: %v\n", spec.Name(), err)
			code = ExitFailed
			continue
		}
		fmt.Fprintf(stdout, "%s: restored\n", spec.Name())
	}
	return code
}

// restoreWithin tries until ctx ends, and then gives the error of the last complete try.
func restoreWithin(ctx context.Context, spec registry.Spec, client registry.Registry) (last error) {
	for {
		err := restoreOnce(ctx, spec, client)
		if err == nil || errors.Is(err, registry.ErrDenied) {
			return err
		}
		if last == nil || ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return last
		case <-time.After(retry):
		}
	}
}

// restoreOnce uses a record as it is; a spec that is not a record is first looked up.
func restoreOnce(ctx context.Context, spec registry.Spec, client registry.Registry) error {
	if spec.Get("ip") != "" && spec.Port() != 0 {
		return registry.Restore(ctx, client, spec)
	}
	found, err := client.Find(ctx)
	if err != nil {
		return fmt.Errorf("%w; when it has gone, give the record that leave printed", err)
	}
	return registry.Restore(ctx, client, found.Record)
}

// show says what is there and what leave would do.
func show(ctx context.Context, in *input, _ io.Reader, stdout, stderr io.Writer) int {
	code := ExitDone
	for _, text := range in.texts {
		spec, client, err := open(text, in.pod)
		if err != nil {
			fmt.Fprintf(stderr, "lameduck-registry show: %v\n", err)
			return ExitUsage
		}
		within, cancel := context.WithTimeout(ctx, in.budget)
		found, err := client.Find(within)
		cancel()
		fmt.Fprintln(stdout, spec.Name())
		switch {
		case errors.Is(err, registry.ErrNotFound):
			fmt.Fprintf(stdout, "  leave would do nothing: %v\n", err)
			continue
		case err != nil:
			fmt.Fprintf(stdout, "  leave would fail: %v\n", err)
			code = ExitFailed
			continue
		case found.Out:
			fmt.Fprintf(stdout, "  is out already: %s\n", found.Detail)
		default:
			fmt.Fprintf(stdout, "  leave would take out: %s\n", found.Detail)
		}
		fmt.Fprintf(stdout, "  then the agent waits for %v without a request, at most %v\n", spec.Quiet(), spec.Stale())
		if !found.Record.IsZero() {
			fmt.Fprintf(stdout, "  to undo: lameduck-registry restore %s\n", found.Record)
		}
	}
	return code
}
