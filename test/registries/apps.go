package registries

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lameduck-dev/lameduck/test/build"
)

// Framework is what an application is written with, and which registry it uses.
type Framework string

// The frameworks.
const (
	Boot3Eureka    Framework = "boot3-eureka"
	Boot27Eureka   Framework = "boot27-eureka"
	Boot3Nacos     Framework = "boot3-nacos"
	Boot27Nacos    Framework = "boot27-nacos" // with a client of Nacos 1, which registers by HTTP beats
	Boot3ZooKeeper Framework = "boot3-zookeeper"
	Boot3Consul    Framework = "boot3-consul"
	Dubbo3         Framework = "dubbo3"   // with ZooKeeper
	Dubbo27        Framework = "dubbo2.7" // with ZooKeeper
)

func (f Framework) program() build.Program {
	switch f {
	case Boot27Eureka:
		return maven(string(f), "spring", "discovery=eureka", "spring.boot.version=2.7.18", "spring.cloud.version=2021.0.9")
	case Boot3Nacos:
		return maven(string(f), "spring", "discovery=nacos")
	case Boot3Consul:
		return maven(string(f), "spring", "discovery=consul")
	case Boot27Nacos:
		return maven(string(f), "spring", "discovery=nacos", "spring.boot.version=2.7.18", "spring.cloud.version=2021.0.9",
			"spring.cloud.alibaba.version=2021.0.1.0", "nacos.client.version="+NacosClient14)
	case Boot3ZooKeeper:
		return maven(string(f), "spring", "discovery=zookeeper")
	case Dubbo3:
		return maven(string(f), "dubbo")
	case Dubbo27:
		return maven(string(f), "dubbo", "dubbo.version=2.7.23", "curator.version=4.3.0", "zookeeper.version=3.6.4", "netty.version=4.1.130.Final", "slf4j.version=1.7.36")
	default:
		return maven(string(f), "spring", "discovery=eureka")
	}
}

func (f Framework) isDubbo() bool { return f == Dubbo3 || f == Dubbo27 }

// jar is the name of the jar that the program is built into.
func (f Framework) jar() string {
	if f.isDubbo() {
		return "dubbo"
	}
	return "spring"
}

// App is an application: a provider, or a consumer that passes each HTTP request on to a provider once, and answers 502 if
// that fails. Answers are JSON with the request's id and the provider's pod. Everything about the registry is left at
// the framework's defaults.
type App struct {
	Framework  Framework
	Servers    []string // of the registry
	Login      *Login
	Name       string   // of the service; Dubbo has its own
	Upstream   string   // makes it a consumer of that service
	Properties []string // more of NAME=value
}

// properties are the application's settings wherever it runs.
func (a App) properties() []string {
	if a.Framework.isDubbo() {
		properties := []string{"registry=zookeeper://" + strings.Join(a.Servers, ",")}
		if a.Upstream != "" {
			properties = append(properties, "role=consumer")
		}
		return append(properties, a.Properties...)
	}
	properties := []string{"spring.application.name=" + a.Name}
	if a.Upstream != "" {
		properties = append(properties, "test.upstream="+a.Upstream)
	}
	if a.Framework == Boot3Nacos || a.Framework == Boot27Nacos {
		properties = append(properties, "spring.cloud.nacos.discovery.server-addr="+strings.Join(a.Servers, ","))
		if a.Login != nil {
			properties = append(properties, "spring.cloud.nacos.discovery.username="+a.Login.User, "spring.cloud.nacos.discovery.password="+a.Login.Password)
		}
		return append(properties, a.Properties...)
	}
	if a.Framework == Boot3ZooKeeper {
		return append(append(properties, "spring.cloud.zookeeper.connect-string="+strings.Join(a.Servers, ",")), a.Properties...)
	}
	if a.Framework == Boot3Consul {
		host, port, _ := net.SplitHostPort(a.Servers[0]) // its agent
		properties = append(properties, "spring.cloud.consul.host="+host, "spring.cloud.consul.port="+port)
		if a.Login != nil {
			properties = append(properties, "spring.cloud.consul.token="+a.Login.Password)
		}
		return append(properties, a.Properties...)
	}
	var urls []string
	for _, server := range a.Servers {
		urls = append(urls, EurekaURL(server, a.Login))
	}
	return append(append(properties, "eureka.client.service-url.defaultZone="+strings.Join(urls, ",")), a.Properties...)
}

// RunningApp is an App on this machine's loopback.
type RunningApp struct {
	*Process
	IP   string
	Port int // Dubbo's protocol, or HTTP
	QoS  int // Dubbo's, of a provider
	dir  string
}

// Address is where it answers.
func (a *RunningApp) Address() string { return fmt.Sprintf("%s:%d", a.IP, a.Port) }

// StartApp starts the application and waits until it answers, but not until the registry knows it.
func StartApp(ctx context.Context, app App) (*RunningApp, error) {
	built, err := app.Framework.program().Build(ctx, os.Stderr)
	if err != nil {
		return nil, err
	}
	a := &RunningApp{IP: "127.0.0.1", Port: freePort()}
	name := fmt.Sprintf("%s application %s", app.Framework, app.Name)
	if a.dir, err = os.MkdirTemp("", "lameduck-"+string(app.Framework)+"-"); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	port := strconv.Itoa(a.Port)
	local := []string{"server.address=" + a.IP, "server.port=" + port, "pod.name=" + app.Name + "-" + port,
		"eureka.instance.ip-address=" + a.IP, "eureka.instance.hostname=" + a.IP,
		"eureka.instance.instance-id=" + a.IP + ":" + app.Name + ":" + port,
		"spring.cloud.consul.discovery.prefer-ip-address=true", "spring.cloud.consul.discovery.ip-address=" + a.IP,
		"spring.cloud.nacos.discovery.ip=" + a.IP, "spring.cloud.zookeeper.discovery.instance-host=" + a.IP, "JM.LOG.PATH=" + a.dir, "JM.SNAPSHOT.PATH=" + a.dir}
	if app.Framework.isDubbo() {
		a.QoS = freePort()
		local = []string{"host=" + a.IP, "port=" + port, "qos=" + strconv.Itoa(a.QoS)}
	}
	n := node{host: a.IP, port: a.Port}
	a.Process, err = process{
		name: name, dir: a.dir,
		args:  java(built, app.Framework.jar(), "192m", a.dir, append(local, app.properties()...)...),
		ready: func(ctx context.Context) error { return listens(ctx, n.address()) },
	}.start(ctx)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(a.dir))
	}
	return a, nil
}

// Close kills the application, if it is still running, and removes what it left on this machine.
func (a *RunningApp) Close() error {
	a.Kill()
	return os.RemoveAll(a.dir)
}

// AppForTest starts the application for the duration of a test.
func AppForTest(t testing.TB, app App) *RunningApp {
	t.Helper()
	a, err := StartApp(t.Context(), app)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		showLog(t, a.Process)
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}
