package cluster

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lameduck-dev/lameduck/test/cluster/image"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/host"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/lock"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/plan"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/proc"
	"github.com/lameduck-dev/lameduck/test/cluster/internal/render"
)

// cleanupTimeout bounds the removal of an instance that failed to come up.
const cleanupTimeout = time.Minute

// Start brings up a new instance and returns once all its nodes are Ready. It fails if the name is taken, and if it
// fails or ctx ends it leaves nothing. The first call on a machine builds Kubernetes, which takes some minutes.
func Start(ctx context.Context, options Options) (*Cluster, error) {
	progress := newProgress(options.Progress)
	p := options.plan()
	if err := p.Validate(); err != nil {
		return nil, err
	}
	if err := preflight(); err != nil {
		return nil, err
	}
	programs, err := buildPrograms(ctx, progress)
	if err != nil {
		return nil, err
	}
	progress.start = time.Now()
	p, release, err := reserve(ctx, p)
	if err != nil {
		return nil, err
	}
	defer release()
	starter := starter{newCluster(p), progress}
	if err := starter.run(ctx, programs); err != nil {
		progress.say("taking down what was started")
		cleanup, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanupTimeout)
		defer cancel()
		return nil, errors.Join(fmt.Errorf("starting cluster %q: %w", p.Name, err), remove(cleanup, p))
	}
	return starter.Cluster, nil
}

// reserve picks a slot and writes the plan before anything else exists. The instance stays locked until release, so
// that nobody takes it down while it comes up.
func reserve(ctx context.Context, p plan.Plan) (_ plan.Plan, release func(), err error) {
	if err := os.MkdirAll(base, 0o755); err != nil {
		return p, nil, err
	}
	unlock, err := lock.Acquire(ctx, base)
	if err != nil {
		return p, nil, err
	}
	defer unlock()
	others, err := plan.All(base)
	if err != nil {
		return p, nil, err
	}
	p.Dir = filepath.Join(base, p.Name)
	if _, err := os.Stat(p.Dir); err == nil {
		return p, nil, fmt.Errorf("cluster %q is already up, or was left by a crash: take it down first "+
			"(`down --name %s`), or choose another name", p.Name, p.Name)
	}
	ranges, err := hostRanges()
	if err != nil {
		return p, nil, err
	}
	if p.Slot, err = plan.FreeSlot(others, ranges); err != nil {
		return p, nil, err
	}
	if err := saveSysctls(); err != nil {
		return p, nil, err
	}
	if err := os.Mkdir(p.Dir, 0o755); err != nil {
		return p, nil, err
	}
	release, err = lock.Acquire(ctx, p.Dir)
	if err != nil {
		return p, nil, err
	}
	if err := p.Save(); err != nil {
		release()
		return p, nil, errors.Join(err, os.RemoveAll(p.Dir))
	}
	return p, release, nil
}

// starter takes the steps of Start.
type starter struct {
	*Cluster
	progress progress
}

func (s starter) run(ctx context.Context, programs programs) error {
	if err := s.prepare(ctx, programs); err != nil {
		return err
	}
	s.progress.say("starting the control plane and %d container runtimes", s.plan.Nodes)
	group, nodes := errgroup.WithContext(ctx)
	group.Go(func() error { return s.controlPlane(nodes) })
	pause := s.plan.Path("pause.tar")
	for _, node := range s.Nodes() {
		group.Go(func() error { return s.runtime(nodes, node, pause) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	s.progress.say("they are up; starting kubelets and kube-proxies")
	for _, node := range s.Nodes() {
		if err := s.agents(node); err != nil {
			return err
		}
	}
	if s.plan.DNS {
		if err := s.dns(ctx); err != nil {
			return err
		}
	}
	if err := s.awaitNodes(ctx); err != nil {
		return err
	}
	s.progress.say("%d nodes are Ready", s.plan.Nodes)
	return nil
}

// prepare creates everything that is not a process: folders, credentials, configuration, cgroups, links.
func (s starter) prepare(ctx context.Context, programs programs) error {
	// A kubelet has its own view of the machine's mounts, but containerd must see what it mounts for pods.
	if err := host.Share(s.plan.Dir); err != nil {
		return err
	}
	for _, dir := range []string{"bin", "logs", "pki", "processes", "volume-plugins"} {
		if err := os.MkdirAll(s.plan.Path(dir), 0o755); err != nil {
			return err
		}
	}
	if err := programs.install(s.plan.Path("bin")); err != nil {
		return err
	}
	err := image.Write(image.Spec{Tag: render.PauseImage, Binary: programs.pause}, s.plan.Path("pause.tar"))
	if err != nil {
		return err
	}
	if err := writeResolvConf(s.plan.Path("resolv.conf")); err != nil {
		return err
	}
	if err := s.nodeFiles(); err != nil {
		return err
	}
	if err := writeCredentials(s.plan); err != nil {
		return err
	}
	if err := makeCgroups(s.plan); err != nil {
		return err
	}
	return s.makeLinks(ctx)
}

func (s starter) nodeFiles() error {
	for _, node := range s.Nodes() {
		for _, dir := range []string{"cni", "pki", "kubelet", "kubelet-folder", "pod-logs", "volume-plugins"} {
			if err := os.MkdirAll(filepath.Join(node.render.Dir(), dir), 0o755); err != nil {
				return err
			}
		}
		files, err := node.render.Files()
		if err != nil {
			return err
		}
		for path, content := range files {
			if err := os.WriteFile(filepath.Join(node.render.Dir(), path), content, 0o600); err != nil {
				return err
			}
		}
	}
	return nil
}

// controlPlane starts etcd and the control plane and returns when the API server is ready.
func (s starter) controlPlane(ctx context.Context) error {
	if err := s.start(s.Etcd, proc.Spec{Args: render.Etcd(s.plan)}); err != nil {
		return err
	}
	if err := s.start(s.APIServer, proc.Spec{Args: render.APIServer(s.plan)}); err != nil {
		return err
	}
	if err := s.AwaitAPIServer(ctx); err != nil {
		return err
	}
	if err := s.start(s.ControllerManager, proc.Spec{Args: render.ControllerManager(s.plan)}); err != nil {
		return err
	}
	return s.start(s.Scheduler, proc.Spec{Args: render.Scheduler(s.plan)})
}

// runtime starts the node's containerd and loads the image that every pod needs.
func (s starter) runtime(ctx context.Context, node *Node, pause string) error {
	if err := s.start(node.Containerd, proc.Spec{Args: node.render.Containerd(), Netns: node.render.Netns()}); err != nil {
		return err
	}
	err := await(ctx, 30*time.Second, "containerd on "+node.Name()+" to listen", func(context.Context) error {
		conn, err := net.Dial("unix", node.render.ContainerdSocket())
		if err != nil {
			return err
		}
		return conn.Close()
	}, node.Containerd)
	if err != nil {
		return err
	}
	return node.load(ctx, pause)
}

// agents starts what else runs on a node besides its containerd.
func (s starter) agents(node *Node) error {
	inside := node.render.Netns()
	if err := s.start(node.Relay, proc.Spec{Args: node.render.Relay(), Netns: inside}); err != nil {
		return err
	}
	err := s.start(node.Kubelet, proc.Spec{
		Args:    node.render.Kubelet(),
		Netns:   inside,
		Folders: map[string]string{host.KubeletFolder: filepath.Join(node.render.Dir(), "kubelet-folder")},
	})
	if err != nil {
		return err
	}
	return s.start(node.KubeProxy, proc.Spec{Args: node.render.KubeProxy(), Netns: inside})
}

// start starts the process p by spec.
func (s starter) start(p *Process, spec proc.Spec) error {
	spec.Name = p.Name
	_, err := proc.Set{Dir: s.plan.Dir}.Start(spec)
	return err
}

func (s starter) dns(ctx context.Context) error {
	manifest, err := render.CoreDNS(s.plan)
	if err != nil {
		return err
	}
	if err := s.Apply(ctx, string(manifest)); err != nil {
		return fmt.Errorf("setting up DNS: %w", err)
	}
	return nil
}
