// Command demo shows lameduck's main job: one rollout, three times, on a real Kubernetes.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
	"github.com/lameduck-dev/lameduck/test/e2e"
)

const instance = "demo"

func main() {
	existing := flag.String("context", "", "use the existing cluster of this kubeconfig `context` (kind, minikube, a real one)")
	loaded := flag.Bool("images-loaded", false, "with --context: the images are already on its nodes")
	keep := flag.Bool("keep", false, "leave the embedded cluster up")
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), "demo restarts a Deployment under load three times: as it is, with sleep 10, with lameduck.\n"+
			"It brings up a real three-node Kubernetes on this machine, which needs root on Linux,\n"+
			"or uses yours with --context.\n\n")
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	var err error
	if *existing != "" {
		err = remote(ctx, e2e.RemoteOptions{Context: *existing, Loaded: *loaded, Progress: os.Stderr})
	} else {
		err = embedded(ctx, *keep)
	}
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(1)
	}
}

func remote(ctx context.Context, options e2e.RemoteOptions) error {
	r, err := e2e.Connect(ctx, options)
	if err != nil {
		return err
	}
	return errors.Join(e2e.Demo(ctx, r, nil, os.Stdout), r.Close(context.WithoutCancel(ctx)))
}

func embedded(ctx context.Context, keep bool) error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return errors.New("the embedded cluster needs root on Linux; on this machine run the demo on a cluster of your own: make demo CONTEXT=name (kind, minikube or a real one)")
	}
	env, err := e2e.Up(ctx, cluster.Options{Name: instance, Nodes: 3, Proxy: cluster.NFTables, Progress: os.Stderr})
	if err != nil {
		return err
	}
	err = env.Install(ctx)
	if err == nil {
		err = e2e.Demo(ctx, env, e2e.StallProxy, os.Stdout)
	}
	if keep {
		fmt.Printf("\nThe cluster is up: export KUBECONFIG=%s\nkubectl for it: %s\nTake it down with: go -C test/cluster run . --name %s down\n",
			env.Cluster.Kubeconfig(), env.Cluster.KubectlPath(), instance)
		return err
	}
	return errors.Join(err, env.Close(context.WithoutCancel(ctx)))
}
