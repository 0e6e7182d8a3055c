package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/lameduck-dev/lameduck/test/cluster/cluster"
	"github.com/lameduck-dev/lameduck/test/cluster/image"
)

// The images that the proofs use, built from this repository.
const (
	AppImage        = "registry.local/lameduck-app:dev"
	AgentImage      = "registry.local/lameduck-agent:dev"
	ControllerImage = "registry.local/lameduck:dev"
)

// Namespace is where the proofs' applications run.
const Namespace = "lameduck-proof"

// strictNamespace is as strict as namespaces get, so that every proof also shows that such a
// namespace accepts what injection adds: Pod Security "restricted", a quota that demands requests
// and limits of every container, and a LimitRange that refuses unset or large ones.
const strictNamespace = `
apiVersion: v1
kind: Namespace
metadata:
  name: ` + Namespace + `
  labels: {pod-security.kubernetes.io/enforce: restricted}
---
apiVersion: v1
kind: ResourceQuota
metadata: {name: all, namespace: ` + Namespace + `}
spec:
  hard: {pods: "60", requests.cpu: "2", requests.memory: 2Gi, limits.cpu: "80", limits.memory: 8Gi}
---
apiVersion: v1
kind: LimitRange
metadata: {name: each, namespace: ` + Namespace + `}
spec:
  limits:
  - type: Container
    min: {cpu: 1m, memory: 4Mi}
    max: {cpu: "1", memory: 128Mi}
`

// images pairs each image with the packages that it is built from, the entry point first.
var images = []struct {
	tag  string
	pkgs []string
}{
	{AppImage, []string{"./test/app", "./test/router", "./test/cluster/programs/late"}},
	{AgentImage, []string{"./cmd/lameduck-agent", "./cmd/lameduck-registry"}},
	{ControllerImage, []string{"./cmd/lameduck"}},
}

// Env is an embedded cluster with lameduck's images on every node.
type Env struct {
	Cluster *cluster.Cluster
	Client  kubernetes.Interface
	Config  *rest.Config

	clients  *cluster.PodNetwork // where the load comes from
	dir      string              // of the binaries and archives
	progress io.Writer
	loaded   map[string]bool // images brought to the nodes on demand
	began    time.Time
}

// Up starts an embedded cluster, builds the images from this repository, and puts them on
// every node. Close removes all of it.
func Up(ctx context.Context, options cluster.Options) (*Env, error) {
	e := &Env{progress: options.Progress, began: time.Now(), loaded: map[string]bool{}}
	var err error
	if e.dir, err = os.MkdirTemp("", "lameduck-e2e-"); err != nil {
		return nil, fmt.Errorf("making a folder for the images: %w", err)
	}
	if err := e.up(ctx, options); err != nil {
		// The caller's context may be what ended it, so cleaning up has its own.
		return nil, errors.Join(err, e.Close(context.WithoutCancel(ctx)))
	}
	return e, nil
}

func (e *Env) up(ctx context.Context, options cluster.Options) error {
	e.say("building the images, and starting a cluster meanwhile")
	var archives []string
	var buildErr error
	built := make(chan struct{})
	go func() {
		defer close(built)
		archives, buildErr = Build(ctx, e.dir)
	}()
	var err error
	e.Cluster, err = cluster.Start(ctx, options)
	<-built
	if err = errors.Join(err, buildErr); err != nil {
		return err
	}
	for _, archive := range archives {
		if err := e.Cluster.Load(ctx, archive); err != nil {
			return err
		}
	}
	if e.Config, err = e.Cluster.RESTConfig(); err != nil {
		return err
	}
	e.Config.QPS, e.Config.Burst = 200, 400
	if e.Client, err = kubernetes.NewForConfig(e.Config); err != nil {
		return fmt.Errorf("connecting to the cluster: %w", err)
	}
	if err := e.Cluster.Apply(ctx, strictNamespace); err != nil {
		return fmt.Errorf("preparing the cluster: %w", err)
	}
	return e.startClients(ctx)
}

// Build compiles the three programs into dir and packs each into an image archive there.
func Build(ctx context.Context, dir string) (archives []string, err error) {
	root, err := moduleRoot(ctx)
	if err != nil {
		return nil, err
	}
	for _, img := range images {
		spec := image.Spec{Tag: img.tag, Files: map[string]string{}}
		for _, pkg := range img.pkgs {
			name := filepath.Base(pkg)
			binary := filepath.Join(dir, name)
			cmd := exec.CommandContext(ctx, "go", "build", "-ldflags", "-s -w", "-o", binary, pkg)
			cmd.Dir = root
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux")
			if out, err := cmd.CombinedOutput(); err != nil {
				return nil, fmt.Errorf("building %s: %w\n%s", pkg, err, out)
			}
			if spec.Binary == "" {
				spec.Binary = binary
			} else {
				spec.Files["/"+name] = binary
			}
		}
		archive := spec.Binary + ".tar"
		if err := image.Write(spec, archive); err != nil {
			return nil, fmt.Errorf("packing %s: %w", img.tag, err)
		}
		archives = append(archives, archive)
	}
	return archives, nil
}

func moduleRoot(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/lameduck-dev/lameduck").Output()
	if err != nil {
		return "", fmt.Errorf("finding the repository (run this from a clone of it): %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// NodeNames lists the cluster's nodes.
func (e *Env) NodeNames() (names []string) {
	for _, node := range e.Cluster.Nodes() {
		names = append(names, node.Name())
	}
	return names
}

// Targets reads which addresses a node's own rules send new connections to.
func (e *Env) Targets(ctx context.Context, node string) (map[netip.Addr]bool, error) {
	n, err := e.Cluster.Node(node)
	if err != nil {
		return nil, err
	}
	return n.Targets(ctx)
}

// senders lists the nodes whose rules send new connections to the address.
func (e *Env) senders(ctx context.Context, ip netip.Addr) ([]string, error) {
	var mu sync.Mutex
	var names []string
	var errs []error
	var looking sync.WaitGroup
	for _, node := range e.NodeNames() {
		looking.Go(func() {
			targets, err := e.Targets(ctx, node)
			mu.Lock()
			defer mu.Unlock()
			if targets[ip] {
				names = append(names, node)
			}
			errs = append(errs, err)
		})
	}
	looking.Wait()
	return names, errors.Join(errs...)
}

// Close takes the cluster down and removes what was built. It can be called again.
func (e *Env) Close(ctx context.Context) error {
	err := e.stopClients()
	if e.Cluster != nil {
		e.say("taking the cluster down")
		err = errors.Join(err, e.Cluster.Stop(ctx))
		e.Cluster = nil
	}
	return errors.Join(err, os.RemoveAll(e.dir))
}

// say writes one line of progress with the time since the start.
func (e *Env) say(format string, args ...any) {
	if e.progress != nil {
		fmt.Fprintf(e.progress, "%6.1fs  %s\n", time.Since(e.began).Seconds(), fmt.Sprintf(format, args...))
	}
}
