package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/proc"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// Process is a long-running program of a cluster. Pause, Resume, Stop, Start, Restart and Kill are its faults.
// It is a handle without state: handles in other processes agree with this one.
type Process = proc.Process

// Cluster is an instance that is up.
type Cluster struct {
	plan plan.Plan

	Etcd              *Process
	APIServer         *Process
	ControllerManager *Process
	Scheduler         *Process
}

// Attach returns the instance called name, brought up by this or another process.
func Attach(name string) (*Cluster, error) {
	p, err := plan.Load(base, name)
	if err != nil {
		return nil, err
	}
	return newCluster(p), nil
}

// All returns the instances on this machine.
func All() ([]*Cluster, error) {
	plans, err := plan.All(base)
	var clusters []*Cluster
	for _, p := range plans {
		clusters = append(clusters, newCluster(p))
	}
	return clusters, err
}

func newCluster(p plan.Plan) *Cluster {
	set := proc.Set{Dir: p.Dir}
	return &Cluster{
		plan:              p,
		Etcd:              set.Process("etcd"),
		APIServer:         set.Process("kube-apiserver"),
		ControllerManager: set.Process("kube-controller-manager"),
		Scheduler:         set.Process("kube-scheduler"),
	}
}

// Name is the instance's name.
func (c *Cluster) Name() string { return c.plan.Name }

// Proxy is the kube-proxies' mode: NFTables or IPTables.
func (c *Cluster) Proxy() string { return c.plan.Proxy }

// Dir holds everything that the instance keeps on disk. Logs are in its folder logs.
func (c *Cluster) Dir() string { return c.plan.Dir }

// Kubeconfig is the path of the administrator's kubeconfig.
func (c *Cluster) Kubeconfig() string { return c.plan.Path(kubeconfigName) }

// KubectlPath is the path of a kubectl of the cluster's own version.
func (c *Cluster) KubectlPath() string { return c.plan.Path("bin", "kubectl") }

// RESTConfig is the administrator's configuration for client-go. Its client-side rate limit is off.
func (c *Cluster) RESTConfig() (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", c.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", c.Kubeconfig(), err)
	}
	config.QPS = -1
	config.Proxy = func(*http.Request) (*url.URL, error) { return nil, nil } // the API server is on this machine
	return config, nil
}

// Client is a client-go client with the administrator's rights.
func (c *Cluster) Client() (kubernetes.Interface, error) {
	config, err := c.RESTConfig()
	if err != nil {
		return nil, err
	}
	return kubernetes.NewForConfig(config)
}

// Kubectl runs kubectl as the administrator and returns its standard output. Its standard error is in the error.
func (c *Cluster) Kubectl(ctx context.Context, args ...string) (string, error) {
	return c.kubectl(ctx, "", args...)
}

// Apply applies manifests given as text.
func (c *Cluster) Apply(ctx context.Context, manifests string) error {
	_, err := c.kubectl(ctx, manifests, "apply", "-f", "-")
	return err
}

func (c *Cluster) kubectl(ctx context.Context, stdin string, args ...string) (string, error) {
	own := []string{"--kubeconfig", c.Kubeconfig(), "--cache-dir", c.plan.Path("kubectl-cache")}
	cmd := exec.CommandContext(ctx, c.KubectlPath(), append(own, args...)...)
	cmd.Env = append(os.Environ(), "NO_PROXY=*")
	cmd.Stdin = strings.NewReader(stdin)
	output, err := cmd.Output()
	if err != nil {
		return string(output), commandError("kubectl "+strings.Join(args, " "), err)
	}
	return string(output), nil
}

// Nodes are the cluster's nodes, in order: node1, node2 and so on.
func (c *Cluster) Nodes() []*Node {
	nodes := make([]*Node, c.plan.Nodes)
	for i := range nodes {
		nodes[i] = newNode(c, render.Node{Plan: c.plan, Number: i + 1})
	}
	return nodes
}

// Node returns the node called name.
func (c *Cluster) Node(name string) (*Node, error) {
	for _, node := range c.Nodes() {
		if node.Name() == name {
			return node, nil
		}
	}
	return nil, fmt.Errorf("cluster %q has no node %q, it has node1 to node%d", c.Name(), name, c.plan.Nodes)
}

// Processes are all of the cluster's programs, the control plane's first.
func (c *Cluster) Processes() []*Process {
	all := []*Process{c.Etcd, c.APIServer, c.ControllerManager, c.Scheduler}
	for _, node := range c.Nodes() {
		all = append(all, node.Containerd, node.Relay, node.Kubelet, node.KubeProxy)
	}
	return all
}

// Process returns a program by its name, such as etcd, kube-apiserver or node2/kube-proxy.
func (c *Cluster) Process(name string) (*Process, error) {
	var names []string
	for _, process := range c.Processes() {
		if process.Name == name {
			return process, nil
		}
		names = append(names, process.Name)
	}
	return nil, fmt.Errorf("cluster %q has no process %q, it has %s", c.Name(), name, strings.Join(names, ", "))
}

// Load loads an image archive, as package image or `docker save` writes it, on every node.
func (c *Cluster) Load(ctx context.Context, archive string) error {
	absolute, err := filepath.Abs(archive)
	if err == nil {
		_, err = os.Stat(absolute)
	}
	if err != nil {
		return fmt.Errorf("loading an image: %w", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, node := range c.Nodes() {
		group.Go(func() error { return node.load(ctx, absolute) })
	}
	return group.Wait()
}

// commandError adds a command's standard error to its error.
func commandError(what string, err error) error {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Errorf("%s: %w: %s", what, err, strings.TrimSpace(string(exit.Stderr)))
	}
	return fmt.Errorf("%s: %w", what, err)
}
