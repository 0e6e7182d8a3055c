package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// outsideBalancer is a cloud's load balancer with pods for targets, on a machine beside the nodes. It learns
// of each change late, by exactly that time, and then goes on over connections that stand for its delay.
// What the Service says of it is what lameduck knows.
type outsideBalancer struct {
	late  time.Duration
	delay time.Duration
	fresh bool // it opens a connection for each request, and so has no use for the delay

	process *exec.Cmd
}

// balancerPort is the load balancer's.
const balancerPort = 8080

// annotations are what a Service says that asks the AWS Load Balancer Controller for such a one.
func (b *outsideBalancer) annotations() map[string]string {
	const prefix = "service.beta.kubernetes.io/aws-load-balancer-"
	return map[string]string{
		prefix + "nlb-target-type":         "ip",
		prefix + "target-group-attributes": fmt.Sprintf("deregistration_delay.timeout_seconds=%d", b.delay/time.Second),
	}
}

func (b *outsideBalancer) deploy(ctx context.Context, e *Env, app App) (string, error) {
	machine, err := e.Cluster.Outside(ctx)
	if err != nil {
		return "", err
	}
	log, err := os.Create(filepath.Join(e.dir, routerName(app)+".log"))
	if err != nil {
		return "", err
	}
	defer log.Close()
	args := []string{"--namespace=" + app.Namespace, "--service=" + app.Name, "--kubeconfig=" + e.Cluster.Kubeconfig(),
		"--late=" + b.late.String(), fmt.Sprintf("--port=%d", balancerPort)}
	if b.fresh {
		args = append(args, "--fresh")
	} else {
		args = append(args, "--delay="+b.delay.String())
	}
	b.process = exec.Command(filepath.Join(e.dir, "router"), args...) // not ended by ctx: remove ends it
	b.process.Stdout, b.process.Stderr = log, log
	if err := machine.Start(b.process); err != nil {
		return "", err
	}
	url := "http://" + netip.AddrPortFrom(machine.Address(), balancerPort).String()
	if err := await(ctx, routerName(app), func(ctx context.Context) (string, error) { return e.answers(ctx, url) }); err != nil {
		return "", errors.Join(err, b.remove(ctx, e, app))
	}
	return url, nil
}

// removeWithin is how long the load balancer has for the requests that are open.
const removeWithin = 5 * time.Second

func (b *outsideBalancer) remove(context.Context, *Env, App) error {
	if b.process == nil {
		return nil
	}
	if err := b.process.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("ending the load balancer: %w", err)
	}
	timer := time.AfterFunc(removeWithin, func() { _ = b.process.Process.Kill() })
	defer timer.Stop()
	err := b.process.Wait()
	b.process = nil
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("ending the load balancer: %w", err)
	}
	return nil
}
