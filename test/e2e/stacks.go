package e2e

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/test/registries"
)

// stack is a registry with the applications that use it.
type stack struct {
	name      string
	hosts     []string // the names of the servers' Services
	container func(hosts []string) []registries.Container
	framework registries.Framework
	// spec is what lameduck is given, with SERVERS and SERVICE in place of the addresses and the
	// provider: in an annotation, or with a login in a DrainPolicy and a Secret.
	spec  string
	login *registries.Login
	// article is the request that the articles' hook makes for a service; nil: no article has one.
	article  func(service string) (method, url string)
	controls []Protection // the best one last
	// What differs from the usual load: the applications' settings, the requests a second (registryRate),
	// and their timeout (patience).
	properties []string
	rate       float64
	patience   time.Duration
	// stale is how long after a pod's end a consumer may still send to it.
	stale time.Duration
	// setUp does what is left to do once the servers answer; nil: nothing.
	setUp func(ctx context.Context, e *Env, s stack) error
	// offered asks the first server whether it offers an instance of the service.
	offered func(ctx context.Context, e *Env, s stack, service string) (bool, error)
}

var stacks = []stack{nacos2, nacosTwo, nacos3, eureka, eurekaPeers, dubbo}

var nacos2 = stack{
	name: "nacos", hosts: []string{"nacos"}, container: func(hosts []string) []registries.Container { return registries.Nacos2Containers(hosts...) },
	framework: registries.Boot3Nacos, spec: "nacos server=SERVERS service=SERVICE", controls: []Protection{Sleep10, Article},
	article: func(service string) (string, string) {
		return http.MethodPost, "http://nacos:8848/nacos/v1/ns/instance?serviceName=" + service +
			"&groupName=DEFAULT_GROUP&ip=${POD_IP}&port=8080&enabled=false&ephemeral=true"
	},
	stale: 40 * time.Second, offered: offeredByNacos,
}

// nacosTwo has older applications, which stay registered by HTTP beats that put back what was deleted.
var nacosTwo = stack{
	name: "nacos-two-nodes", hosts: []string{"nacos-a", "nacos-b"}, container: nacos2.container,
	framework: registries.Boot27Nacos, spec: nacos2.spec, controls: []Protection{Sleep10},
	// This client polls every 10 s for what is not pushed to it, and the balancer caches for 35 s on top.
	stale: 50 * time.Second, offered: offeredByNacos,
}

var nacos3 = stack{
	name: "nacos3", hosts: []string{"nacos3"}, container: func([]string) []registries.Container { return []registries.Container{registries.Nacos3Container()} },
	framework: registries.Boot3Nacos, spec: "nacos server=SERVERS", login: &registries.Login{User: "nacos", Password: "test-password"},
	controls: []Protection{Sleep10}, stale: 40 * time.Second, setUp: setNacosPassword,
}

var eureka = stack{
	name: "eureka", hosts: []string{"eureka"}, container: func(hosts []string) []registries.Container { return registries.EurekaContainers(nil, hosts...) },
	framework: registries.Boot3Eureka, spec: "eureka server=SERVERS service=SERVICE", controls: []Protection{Sleep10, Sleep35},
	stale: 95 * time.Second,
}

var eurekaPeers = stack{
	name: "eureka-peers", hosts: []string{"eureka-a", "eureka-b"},
	container: func(hosts []string) []registries.Container {
		return registries.EurekaContainers(&registries.TestLogin, hosts...)
	},
	framework: registries.Boot27Eureka, spec: "eureka server=SERVERS", login: &registries.TestLogin, controls: []Protection{Sleep10},
	stale: 95 * time.Second, offered: offeredByEureka,
}

// dubbo has calls that last longer than the 20 s after which Dubbo, told to stop, interrupts them. It loses no shorter
// ones by itself: it tells its registry and its consumers.
var dubbo = stack{
	name: "dubbo", hosts: []string{"zookeeper"}, container: func([]string) []registries.Container { return []registries.Container{registries.ZooKeeperContainer()} },
	framework: registries.Dubbo3, spec: "dubbo", controls: []Protection{Sleep10}, stale: 15 * time.Second,
	properties: []string{"work=24000", "timeout=40000"}, rate: 6, patience: 45 * time.Second,
}

// addresses are those of the servers, as pods write them.
func (s stack) addresses() (all []string) {
	for i, c := range s.container(s.hosts) {
		all = append(all, fmt.Sprintf("%s.%s:%d", s.hosts[i], RegistryNamespace, c.Ports[0]))
	}
	return all
}

// settings is the spec for a service, with Eureka's servers written as its clients write them.
func (s stack) settings(service string) string {
	servers := s.addresses()
	if strings.HasPrefix(s.spec, "eureka ") {
		for i := range servers {
			servers[i] = strings.TrimSuffix(registries.EurekaURL(servers[i], nil), "/")
		}
	}
	return strings.NewReplacer("SERVERS", strings.Join(servers, ","), "SERVICE", service).Replace(s.spec)
}

// installed are the arguments to install lameduck with for the stack: a policy may name its
// servers and its Secret, and if clears, the controller may log in there to clear what withdrawals left.
func (s stack) installed(clears bool) []string {
	registry := strings.TrimSpace(s.settings(""))
	if at := strings.Index(registry, " service="); at >= 0 {
		registry = registry[:at]
	}
	if s.login == nil {
		return []string{"--registry-server", registry}
	}
	if clears {
		registry += " secret=registry"
	}
	return []string{"--registry-server", registry, "--registry-secret", RegistryNamespace + "/registry"}
}

func (s stack) servers() (all []javaApp) {
	for i, c := range s.container(s.hosts) {
		all = append(all, javaApp{Name: s.hosts[i], Container: c, Replicas: 1, Peer: true})
	}
	return all
}

// app is an application of the stack: a provider unless it has an upstream.
func (s stack) app(name, upstream string) registries.App {
	return registries.App{Framework: s.framework, Servers: s.addresses(), Login: s.login, Name: name, Upstream: upstream, Properties: s.properties}
}

// provider is the stack's provider under a name, with a protection.
func (s stack) provider(name string, protection Protection) javaApp {
	app := s.app(name, "")
	p := javaApp{Name: name, Container: app.Container(), Replicas: 2}
	const sleep10, sleep35, reserve = 10, 35, 30
	switch protection {
	case Sleep10:
		p.PreStop, p.Grace = &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: sleep10}}, sleep10+reserve
	case Sleep35:
		p.PreStop, p.Grace = &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: sleep35}}, sleep35+reserve
	case Article:
		method, url := s.article(name)
		p.PreStop = &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: app.Hook(method, url, sleep35)}}
		p.Grace = sleep35 + reserve
	case Lameduck:
		p.Inject = true // which raises the grace period
		if s.login == nil {
			p.Annotations = map[string]string{"lameduck.dev/registry": s.settings(name)}
		}
	}
	return p
}

// startRegistry loads the stack's images on the nodes and starts its servers.
func (e *Env) startRegistry(ctx context.Context, s stack) (stop func() error, err error) {
	e.say("building and loading the images of %s", s.name)
	archive := filepath.Join(e.dir, s.name+".tar")
	servers := s.servers()
	if err := registries.WriteImages(ctx, archive, e.progress, servers[0].Container, s.app("", "").Container()); err != nil {
		return nil, err
	}
	if err := e.Cluster.Load(ctx, archive); err != nil {
		return nil, err
	}
	if err := e.Cluster.Apply(ctx, registryNamespace); err != nil {
		return nil, err
	}
	e.say("starting %s", strings.Join(s.hosts, " and "))
	stop = func() (err error) {
		for _, server := range servers {
			err = errors.Join(err, e.removeJava(context.WithoutCancel(ctx), server))
		}
		if s.login != nil {
			_, deleted := e.Cluster.Kubectl(context.WithoutCancel(ctx), "-n", RegistryNamespace, "delete", "drainpolicy/registry", "secret/registry")
			_, own := e.Cluster.Kubectl(context.WithoutCancel(ctx), "-n", controlNamespace, "delete", "secret/registry")
			err = errors.Join(err, deleted, own)
		}
		return err
	}
	// Create all before waiting for any: the members of a cluster wait for each other.
	for _, server := range servers {
		if _, err := e.createJava(ctx, server); err != nil {
			return nil, err
		}
	}
	for _, server := range servers {
		if err := e.awaitJava(ctx, server); err != nil {
			return nil, err
		}
	}
	if s.login != nil {
		if err := e.Cluster.Apply(ctx, s.policy()); err != nil {
			return nil, err
		}
	}
	if s.setUp != nil {
		if err := s.setUp(ctx, e, s); err != nil {
			return nil, fmt.Errorf("starting %s: %w", s.name, err)
		}
	}
	return stop, nil
}

// policy tells lameduck about a registry behind a login. The service is found in the
// application's own settings.
func (s stack) policy() string {
	kind, settings, _ := strings.Cut(s.settings(""), " ")
	name, value, _ := strings.Cut(settings, "=")
	return fmt.Sprintf(`
apiVersion: v1
kind: Secret
metadata: {name: registry, namespace: %[1]s}
stringData: {user: %[2]s, secret: %[3]s}
---
apiVersion: v1
kind: Secret
metadata: {name: registry, namespace: %[7]s}
stringData: {username: %[2]s, password: %[3]s}
---
apiVersion: lameduck.dev/v1alpha1
kind: DrainPolicy
metadata: {name: registry, namespace: %[1]s}
spec:
  selector: {matchLabels: {lameduck.dev/inject: "true"}}
  registries:
  - kind: %[4]s
    settings: {%[5]s: "%[6]s"}
    credentials: {secretName: registry, usernameKey: user, passwordKey: secret}
  framework: spring-boot
`, RegistryNamespace, s.login.User, s.login.Password, kind, name, value, controlNamespace)
}

// setNacosPassword creates the administrator of a fresh Nacos 3, and waits until the login works.
func setNacosPassword(ctx context.Context, e *Env, s stack) error {
	base, err := e.registryURL(ctx, s)
	if err != nil {
		return err
	}
	if err := e.post(ctx, base+"/nacos/v3/auth/user/admin", url.Values{"password": {s.login.Password}}); err != nil {
		return err
	}
	return await(ctx, "the administrator's login to work", func(ctx context.Context) (string, error) {
		return "", e.post(ctx, base+"/nacos/v3/auth/user/login", url.Values{"username": {s.login.User}, "password": {s.login.Password}})
	})
}

func offeredByNacos(ctx context.Context, e *Env, s stack, service string) (bool, error) {
	base, err := e.registryURL(ctx, s)
	if err != nil {
		return false, err
	}
	var answer struct{ Hosts []struct{ Enabled bool } }
	err = e.get(ctx, base+"/nacos/v1/ns/instance/list?serviceName="+service, &answer)
	return len(answer.Hosts) > 0 && answer.Hosts[0].Enabled, err
}

// offeredByEureka reads the view that is cached for 30 s, which is what consumers get.
func offeredByEureka(ctx context.Context, e *Env, s stack, service string) (bool, error) {
	base, err := e.registryURL(ctx, s)
	if err != nil {
		return false, err
	}
	var answer struct {
		Application struct{ Instance []struct{ Status string } }
	}
	login := url.UserPassword(s.login.User, s.login.Password).String()
	err = e.get(ctx, strings.Replace(base, "://", "://"+login+"@", 1)+"/eureka/apps/"+service, &answer)
	if errors.Is(err, errNotThere) { // nobody is registered
		return false, nil
	}
	instances := answer.Application.Instance
	return len(instances) > 0 && instances[0].Status == "UP", err
}

// registryURL is where the stack's first server answers the first node.
func (e *Env) registryURL(ctx context.Context, s stack) (string, error) {
	address, err := e.serviceAddress(ctx, s.hosts[0], s.container(s.hosts)[0].Ports[0])
	return "http://" + address, err
}
