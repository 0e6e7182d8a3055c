package registries

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/lameduck-dev/lameduck/test/build"
)

// Plan says which servers to start, once. Nacos2, Nacos3, Eureka, ZooKeeper and Etcd return one.
type Plan struct {
	name    string
	program build.Program
	nodes   []node
	login   *Login
	// setUp does what is left to do once every node answers.
	setUp func(ctx context.Context, s *Servers) error
}

// node is one server of a plan.
type node struct {
	host  string
	port  int
	args  func(built, dir string) []string
	ready func(ctx context.Context, n node) error
	files map[string]string // written into its folder before it starts
}

func (n node) address() string { return fmt.Sprintf("%s:%d", n.host, n.port) }

// Login is who may use the servers.
type Login struct{ User, Password string }

// Servers are the running nodes of one registry.
type Servers struct {
	Name  string
	Nodes []*Node
	Login *Login // nil: anyone
	dir   string
}

// Node is a running server.
type Node struct {
	*Process
	Address string // host:port
}

// Start starts the plan's servers, built first if needed, and waits until all are ready. An error has the
// end of the log of the server that failed.
func Start(ctx context.Context, plan Plan) (*Servers, error) { return start(ctx, plan, os.Stderr) }

func start(ctx context.Context, plan Plan, progress io.Writer) (_ *Servers, err error) {
	built, err := plan.program.Build(ctx, progress)
	if err != nil {
		return nil, err
	}
	s := &Servers{Name: plan.name, Login: plan.login}
	if s.dir, err = os.MkdirTemp("", "lameduck-"+plan.name+"-"); err != nil {
		return nil, fmt.Errorf("starting %s: %w", plan.name, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Stop())
		}
	}()
	// All at once: the members of a cluster wait for each other.
	for i, n := range plan.nodes {
		dir := filepath.Join(s.dir, fmt.Sprint(i))
		if err := writeFiles(dir, n.files); err != nil {
			return nil, fmt.Errorf("starting %s: %w", plan.name, err)
		}
		launched, err := process{
			name:  fmt.Sprintf("%s on %s", plan.name, n.address()),
			dir:   dir,
			args:  n.args(built, dir),
			ready: func(ctx context.Context) error { return n.ready(ctx, n) },
		}.launch()
		if err != nil {
			return nil, fmt.Errorf("starting %s: %w", plan.name, err)
		}
		s.Nodes = append(s.Nodes, &Node{Process: launched, Address: n.address()})
	}
	for _, n := range s.Nodes {
		if err := n.awaitReady(ctx); err != nil {
			return nil, fmt.Errorf("starting %s: %w\n%s", n.name, err, n.LogTail())
		}
	}
	if plan.setUp != nil {
		if err := plan.setUp(ctx, s); err != nil {
			return nil, fmt.Errorf("starting %s: %w\n%s", plan.name, err, s.Nodes[0].LogTail())
		}
	}
	return s, nil
}

// Addresses are the host:port of every node.
func (s *Servers) Addresses() (all []string) {
	for _, n := range s.Nodes {
		all = append(all, n.Address)
	}
	return all
}

// Stop ends every server and removes what they left. It may be called again.
func (s *Servers) Stop() error {
	for _, n := range s.Nodes {
		n.Kill() // nothing of theirs has to last
	}
	return os.RemoveAll(s.dir)
}

// ForTest starts the servers for the duration of a test. If the test fails, it shows the ends of their logs.
func ForTest(t testing.TB, plan Plan) *Servers {
	t.Helper()
	s, err := Start(t.Context(), plan)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, n := range s.Nodes {
			showLog(t, n.Process)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func showLog(t testing.TB, p *Process) {
	if t.Failed() {
		t.Logf("the end of the log of %s:\n%s", p.name, p.LogTail())
	}
}

func writeFiles(dir string, files map[string]string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, content := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// java is the command line of a Java program: with little memory, and quick to start rather than to run.
func java(built, name, heap, dir string, properties ...string) []string {
	args := []string{"java", "-Xmx" + heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-Djava.io.tmpdir=" + dir, "-Duser.home=" + dir}
	for _, property := range properties {
		args = append(args, "-D"+property)
	}
	return append(args, "-jar", filepath.Join(built, name+".jar"))
}

// answers returns nil when the URL answers 200, or asks for a login.
func answers(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusUnauthorized {
		return fmt.Errorf("%s: %s", url, response.Status)
	}
	return nil
}

// listens returns nil when something accepts connections there.
func listens(ctx context.Context, address string) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	return conn.Close()
}
