package registries

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The versions of the official Nacos client that behave differently: 1.4 registers by HTTP and beats, the others
// by gRPC.
const (
	NacosClient14 = "1.4.8"
	NacosClient24 = "2.4.3"
	NacosClient31 = "3.1.0"
)

// NacosApp is an application with the official Nacos client: a provider, a subscriber or both.
type NacosApp struct {
	Version string // of the client
	Servers []string
	Login   *Login
	Service string

	Namespace, Group, Cluster string // empty: the client's defaults
	IP                        string // empty: 127.0.0.1
	Port                      int
	Weight                    float64 // 0: 1
	Persistent                bool
}

// NacosInstance is an instance as the client sees it.
type NacosInstance struct {
	IP                          string
	Port                        int
	Cluster                     string
	Weight                      float64
	Enabled, Healthy, Ephemeral bool
	Zone                        string // the one entry of its metadata
}

// NacosChange is a push to a subscriber.
type NacosChange struct {
	Time      time.Time
	Instances []NacosInstance
}

// NacosClient is a running NacosApp.
type NacosClient struct {
	*Process
	dir     string
	command sync.Mutex
	answers chan nacosLine

	mu      sync.Mutex
	changes []NacosChange
}

type nacosLine struct {
	UnixMillis          int64
	Event               string
	Error               string
	Instances, Selected []NacosInstance
}

// StartNacosClient starts the application. It does nothing until it is told to.
func StartNacosClient(ctx context.Context, app NacosApp) (*NacosClient, error) {
	built, err := maven("nacos-client-"+app.Version, "nacos-client", "nacos.client.version="+app.Version).Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	c := &NacosClient{answers: make(chan nacosLine)}
	name := "nacos client " + app.Version
	if c.dir, err = os.MkdirTemp("", "lameduck-nacos-client-"); err != nil {
		return nil, fmt.Errorf("starting a %s: %w", name, err)
	}
	c.Process, err = process{
		name: name, dir: c.dir, args: java(built, "nacos-client", "128m", c.dir, app.properties(c.dir)...), stdin: true,
	}.launch()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a %s: %w", name, err), os.RemoveAll(c.dir))
	}
	go c.read()
	return c, nil
}

// NacosClientForTest starts the application for the duration of a test.
func NacosClientForTest(t testing.TB, app NacosApp) *NacosClient {
	t.Helper()
	c, err := StartNacosClient(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		showLog(t, c.Process)
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func (a NacosApp) properties(dir string) []string {
	properties := []string{"server=" + strings.Join(a.Servers, ","), "service=" + a.Service, "port=" + strconv.Itoa(a.Port),
		"ephemeral=" + strconv.FormatBool(!a.Persistent),
		"JM.LOG.PATH=" + dir, "JM.SNAPSHOT.PATH=" + dir, "nacos.logging.default.config.enabled=false"}
	given := map[string]string{"namespace": a.Namespace, "group": a.Group, "cluster": a.Cluster, "ip": a.IP}
	if a.Weight != 0 {
		given["weight"] = strconv.FormatFloat(a.Weight, 'g', -1, 64)
	}
	if a.Login != nil {
		given["username"], given["password"] = a.Login.User, a.Login.Password
	}
	for name, value := range given {
		if value != "" {
			properties = append(properties, name+"="+value)
		}
	}
	return properties
}

func (c *NacosClient) read() {
	defer close(c.answers)
	for lines := bufio.NewScanner(c.stdout); lines.Scan(); {
		var line nacosLine
		if json.Unmarshal(lines.Bytes(), &line) != nil {
			continue // a library that logs to standard output
		}
		if line.Event != "changed" {
			c.answers <- line
			continue
		}
		c.mu.Lock()
		c.changes = append(c.changes, NacosChange{time.UnixMilli(line.UnixMillis), line.Instances})
		c.mu.Unlock()
	}
}

func (c *NacosClient) do(ctx context.Context, command string) (nacosLine, error) {
	c.command.Lock()
	defer c.command.Unlock()
	if _, err := io.WriteString(c.stdin, command+"\n"); err != nil {
		return nacosLine{}, fmt.Errorf("%s: %s: %w\n%s", c.name, command, err, c.LogTail())
	}
	select {
	case line, ok := <-c.answers:
		switch {
		case !ok:
			return line, fmt.Errorf("%s: %s: it ended\n%s", c.name, command, c.LogTail())
		case line.Event == "failed":
			return line, fmt.Errorf("%s: %s: %s", c.name, command, line.Error)
		}
		return line, nil
	case <-ctx.Done():
		return nacosLine{}, fmt.Errorf("%s: %s: %w", c.name, command, context.Cause(ctx))
	}
}

// Register registers the application's instance.
func (c *NacosClient) Register(ctx context.Context) error {
	_, err := c.do(ctx, "register")
	return err
}

// Deregister deregisters it.
func (c *NacosClient) Deregister(ctx context.Context) error {
	_, err := c.do(ctx, "deregister")
	return err
}

// Subscribe starts the collection of Changes.
func (c *NacosClient) Subscribe(ctx context.Context) error {
	_, err := c.do(ctx, "subscribe")
	return err
}

// Instances returns all instances of its service that the client knows, and those it would send requests to.
func (c *NacosClient) Instances(ctx context.Context) (all, selected []NacosInstance, err error) {
	line, err := c.do(ctx, "instances")
	return line.Instances, line.Selected, err
}

// Changes are what was pushed since Subscribe.
func (c *NacosClient) Changes() []NacosChange {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]NacosChange(nil), c.changes...)
}

// Close kills the application, if it is still running: what it registered by gRPC goes with its connection, what it
// registered by HTTP stays until the server misses its beats.
func (c *NacosClient) Close() error {
	c.Kill()
	for range c.answers { // until its reader has ended
	}
	return os.RemoveAll(c.dir)
}
