package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/lock"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/proc"
)

// Stop takes the cluster down: its processes, mounts, namespaces, links and files.
func (c *Cluster) Stop(ctx context.Context) error { return Remove(ctx, c.Name()) }

// Remove takes down the instance called name, however far it came up and however it was left. It fails with
// ErrNotUp if there is none, and with another error if another process is bringing it up.
func Remove(ctx context.Context, name string) error {
	if err := plan.ValidateName(name); err != nil {
		return err
	}
	dir := filepath.Join(base, name)
	release, held, err := lock.Try(dir)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cluster %q: %w", name, ErrNotUp)
	}
	if err != nil {
		return fmt.Errorf("taking down cluster %q: %w", name, err)
	}
	if !held {
		return fmt.Errorf("taking down cluster %q: another process is bringing it up or taking it down: "+
			"wait for it, or interrupt it, which takes it down too", name)
	}
	defer release()
	p, err := plan.Load(base, name)
	if errors.Is(err, ErrNotUp) {
		return os.RemoveAll(dir) // `up` died before it had written the plan, and so before it made anything
	}
	if err != nil {
		return err
	}
	return remove(ctx, p)
}

// remove goes on after a failed step, so that the next call has less to do, and reports all failures. The plan goes
// last, and only if everything else is gone.
func remove(ctx context.Context, p plan.Plan) error {
	failed := []error{killAll(ctx, p)}
	traces := host.Traces(p.Dir)
	failed = append(failed, host.UnmountAll(p.Dir), host.RemoveLinks(ctx, links(p)))
	cgroups, err := host.FindCgroups(p.Cgroup())
	if err == nil {
		err = await(ctx, 5*time.Second, "the pods' cgroups to be empty", func(context.Context) error { return cgroups.Remove() })
	}
	failed = append(failed, err, host.RemoveTraces(traces))
	if err := errors.Join(failed...); err != nil {
		return fmt.Errorf("taking down cluster %q: %w", p.Name, err)
	}
	return removeFolder(ctx, p)
}

// removeFolder removes the instance's folder, and with the last instance what all of them shared.
func removeFolder(ctx context.Context, p plan.Plan) error {
	unlock, err := lock.Acquire(ctx, base)
	if err != nil {
		return err
	}
	defer unlock()
	mounts, err := host.Mounts(p.Dir)
	if err == nil && len(mounts) > 0 {
		err = fmt.Errorf("still mounted, and files must not be removed through a mount: %v", mounts)
	}
	if err != nil {
		return fmt.Errorf("taking down cluster %q: %w", p.Name, err)
	}
	if err := os.RemoveAll(p.Dir); err != nil {
		return fmt.Errorf("taking down cluster %q: %w", p.Name, err)
	}
	others, err := plan.All(base)
	if err != nil || len(others) > 0 {
		return err
	}
	host.RemoveSharedTraces()
	return host.RestoreSysctls(sysctlsFile)
}

// killAll kills all processes of the instance: those that `up` started and their descendants, found by their marker,
// and those in its pods, found by their cgroup. A cluster that is removed needs no graceful end.
func killAll(ctx context.Context, p plan.Plan) error {
	return await(ctx, 20*time.Second, "the cluster's processes to end", func(context.Context) error {
		running, err := processes(p)
		if err != nil || len(running) == 0 {
			return err
		}
		for _, pid := range running {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
		return errors.New(proc.Describe(running[0]))
	})
}

func processes(p plan.Plan) ([]int, error) {
	cgroups, err := host.FindCgroups(p.Cgroup())
	if err != nil {
		return nil, err
	}
	all := append(proc.Marked(p.Dir), cgroups.Processes()...)
	slices.Sort(all)
	return slices.Compact(all), nil
}

// Footprint describes everything that the instance has on the machine. After Stop it is empty.
func (c *Cluster) Footprint() ([]string, error) {
	p := c.plan
	var found []string
	running, err := processes(p)
	if err != nil {
		return nil, err
	}
	for _, pid := range running {
		found = append(found, proc.Describe(pid))
	}
	mounts, err := host.Mounts(p.Dir)
	if err != nil {
		return nil, err
	}
	for _, mount := range mounts {
		found = append(found, "mount "+mount)
	}
	for _, link := range host.Links(links(p)) {
		found = append(found, "link "+link)
	}
	cgroups, err := host.FindCgroups(p.Cgroup())
	if err != nil {
		return nil, err
	}
	for _, cgroup := range cgroups.Existing() {
		found = append(found, "cgroup "+cgroup)
	}
	for _, trace := range host.Traces(p.Dir) {
		found = append(found, "file "+trace)
	}
	if _, err := os.Stat(p.Dir); err == nil {
		found = append(found, "folder "+p.Dir)
	}
	return found, nil
}
