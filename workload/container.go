package workload

import (
	"strings"

	"github.com/lameduck-dev/lameduck/manifest"
)

// Role says when a container runs.
type Role uint8

// The roles of a container.
const (
	Main    Role = iota
	Sidecar      // a restartable init container, the native sidecar
	Init
)

// Container is one container of a pod template.
type Container struct {
	Pod   *Workload
	Node  *manifest.Node
	Role  Role
	Name  string
	Image string

	PreStop, PostStart           *Hook
	Readiness, Liveness, Startup *Probe

	command, args, env, envFrom, mounts *manifest.Node
}

func newContainer(pod *Workload, n *manifest.Node, role Role) *Container {
	c := &Container{Pod: pod, Node: n, Role: role, Name: n.Get("name").Str(), Image: n.Get("image").Str()}
	c.command, c.args, c.env, c.envFrom, c.mounts = n.Get("command"), n.Get("args"), n.Get("env"), n.Get("envFrom"), n.Get("volumeMounts")
	if lifecycle := n.Get("lifecycle"); lifecycle != nil {
		c.PreStop = newHook(lifecycle.Get("preStop"), c.ownEnv)
		c.PostStart = newHook(lifecycle.Get("postStart"), c.ownEnv)
	}
	c.Readiness = newProbe(n.Get("readinessProbe"))
	c.Liveness = newProbe(n.Get("livenessProbe"))
	c.Startup = newProbe(n.Get("startupProbe"))
	return c
}

// Argv is the command line that the manifest sets, nil where the image's own
// entry point is used.
func (c *Container) Argv() []string {
	if c.command.Len() == 0 {
		return nil
	}
	return c.Args()
}

// Args are the manifest's command and args in one list: what may hold a flag.
func (c *Container) Args() []string {
	return append(c.command.Strings(), c.args.Strings()...)
}

// Flag finds --name=value, --name value, -name=value among the command and
// the arguments, and in the text of a script that they hold.
func (c *Container) Flag(name string) (value string, at *manifest.Node, found bool) {
	return c.flag("", name)
}

// flag finds the flag that is called lead+name.
func (c *Container) flag(lead, name string) (value string, at *manifest.Node, found bool) {
	for _, list := range [...]*manifest.Node{c.command, c.args} {
		for item := range list.All() {
			if !strings.Contains(item.Str(), name) {
				continue
			}
			words := strings.Fields(item.Str())
			for i, word := range words {
				bare := strings.TrimLeft(word, "-")
				if bare == word {
					continue
				}
				key, value, inline := strings.Cut(bare, "=")
				if rest, ok := strings.CutPrefix(key, lead); !ok || rest != name {
					continue
				}
				switch {
				case inline:
				case i+1 < len(words):
					value = words[i+1]
				case item.Next() != nil:
					return item.Next().Str(), item.Next(), true
				}
				return value, item, true
			}
		}
	}
	return "", nil, false
}

// ImageName is the image's last path element without tag and digest, and Tag
// its tag.
func (c *Container) ImageName() string {
	repo, _ := c.imageParts()
	return repo[strings.LastIndexByte(repo, '/')+1:]
}

// ImageRepo is the image without tag and digest.
func (c *Container) ImageRepo() string {
	repo, _ := c.imageParts()
	return repo
}

// Tag is the image's tag, "" if it has none.
func (c *Container) Tag() string {
	_, tag := c.imageParts()
	return tag
}

func (c *Container) imageParts() (repo, tag string) {
	repo, _, _ = strings.Cut(c.Image, "@")
	if i := strings.LastIndexByte(repo, ':'); i > strings.LastIndexByte(repo, '/') {
		return repo[:i], repo[i+1:]
	}
	return repo, ""
}

// Port finds a declared port by name or number.
func (c *Container) Port(nameOrNumber string) *manifest.Node {
	for p := range c.Node.Get("ports").All() {
		if p.Get("name").Str() == nameOrNumber || p.Get("containerPort").Str() == nameOrNumber {
			return p
		}
	}
	return nil
}

// portNumber resolves a port's name to its number; a number stands for itself.
func (c *Container) portNumber(nameOrNumber string) string {
	if nameOrNumber != "" && strings.Trim(nameOrNumber, "0123456789") == "" {
		return nameOrNumber
	}
	return c.Port(nameOrNumber).Get("containerPort").Str()
}

// Probe is a readiness, liveness or startup probe.
type Probe struct {
	Node *manifest.Node
	HTTP *manifest.Node // the httpGet, tcpSocket, exec or grpc action, or nil
	TCP  *manifest.Node
	Exec *manifest.Node
	GRPC *manifest.Node
}

func newProbe(n *manifest.Node) *Probe {
	if !n.Set() {
		return nil
	}
	return &Probe{Node: n, HTTP: n.Get("httpGet"), TCP: n.Get("tcpSocket"), Exec: n.Get("exec"), GRPC: n.Get("grpc")}
}

// Path is the path of an HTTP probe without its query.
func (p *Probe) Path() string {
	if p == nil {
		return ""
	}
	path, _, _ := strings.Cut(p.HTTP.Get("path").Str(), "?")
	return path
}

// Port is the node of the probed port, nil for exec.
func (p *Probe) Port() *manifest.Node {
	if p == nil {
		return nil
	}
	for _, action := range []*manifest.Node{p.HTTP, p.TCP, p.GRPC} {
		if port := action.Get("port"); port != nil {
			return port
		}
	}
	return nil
}

// Period is periodSeconds. Like Timeout and Delay it is in seconds, and all have the API's
// defaults.
func (p *Probe) Period() int64 { return atLeast(p.Node.Get("periodSeconds").IntOr(10), 1) }

// Timeout is timeoutSeconds.
func (p *Probe) Timeout() int64 { return atLeast(p.Node.Get("timeoutSeconds").IntOr(1), 1) }

// Delay is initialDelaySeconds.
func (p *Probe) Delay() int64 { return p.Node.Get("initialDelaySeconds").IntOr(0) }

// Failures is failureThreshold.
func (p *Probe) Failures() int64 { return atLeast(p.Node.Get("failureThreshold").IntOr(3), 1) }

// Patience is how many seconds a container has before the probe gives up on it for the first time.
func (p *Probe) Patience() int64 { return p.Delay() + p.Period()*p.Failures() }

// Same reports whether two probes ask the same question.
func (p *Probe) Same(q *Probe) bool {
	if p == nil || q == nil {
		return false
	}
	for _, pair := range [][2]*manifest.Node{{p.HTTP, q.HTTP}, {p.TCP, q.TCP}, {p.Exec, q.Exec}, {p.GRPC, q.GRPC}} {
		if (pair[0] == nil) != (pair[1] == nil) || pair[0] != nil && !manifest.Equal(pair[0], pair[1]) {
			return false
		}
	}
	return p.HTTP != nil || p.TCP != nil || p.Exec != nil || p.GRPC != nil
}

// atLeast gives zero and less the API's meaning, the default.
func atLeast(n, least int64) int64 { return max(n, least) }

// PathNode is the node of an HTTP probe's path.
func (p *Probe) PathNode() *manifest.Node {
	if p == nil {
		return nil
	}
	return p.HTTP.Get("path")
}

// SamePort reports whether two names or numbers mean one port of a container.
func (c *Container) SamePort(a, b *manifest.Node) bool {
	x, y := c.portNumber(a.Str()), c.portNumber(b.Str())
	return x != "" && x == y
}
