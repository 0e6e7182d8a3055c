package registry

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Key is one setting of a spec.
type Key struct {
	Name, Help string
}

// Kind is what is known of one kind of registry before it is spoken to.
type Kind struct {
	Name, About string
	Keys        []Key
	// Stale is for how long, at its clients' defaults, a consumer may go on sending to an
	// instance that its registry has as out.
	Stale time.Duration
	// Cache is what the servers' own caches take of Stale.
	Cache time.Duration
	// Quiet is the least silence that shows that none goes on.
	Quiet time.Duration
	// InPod says that it is the application itself that is spoken to.
	InPod bool
	// Lag is how long the registry's own live views take to show a withdrawal.
	Lag time.Duration
}

var (
	everyKind = []Key{
		{"stale", "how long a consumer may go on by what it cached, as in 45s"},
		{"quiet", "the least silence that shows that none goes on, as in 5s"},
		{"timeout", "of one call (3s)"},
	}
	instanceKeys = []Key{
		{"service", "the service's name (found in Spring's settings)"},
		{"ip", "the instance's address (the pod's)"},
		{"port", "the instance's port (that of the only instance with this address)"},
	}
	serverKeys = append([]Key{
		{"server", "the servers, host:port or URL, separated by commas (found in Spring's settings)"},
	}, tlsKeys...)
	tlsKeys = []Key{
		{"ca-file", "file of the authority that signed the server's certificate (the system's)"},
		{"cert-file", "file of the client's certificate"},
		{"key-file", "file of the client certificate's key"},
	}
	passwordKeys = []Key{
		{"username-env", "environment variable that holds the user's name"},
		{"username-file", "file that holds the user's name"},
		{"password-env", "environment variable that holds the password"},
		{"password-file", "file that holds the password"},
	}
	tokenKeys = []Key{
		{"token-env", "environment variable that holds the token"},
		{"token-file", "file that holds the token"},
	}
)

// etcdLag is none: what is read of etcd is what the majority of its members has.
const etcdLag = 0

// zookeeperLag is none because each server catches up before it is asked: of three, all were
// seen to agree 10 ms after a node was deleted.
const zookeeperLag = 0

// polarisLag is how often a server renews what it gives clients.
const polarisLag = time.Second

func kind(name, about string, stale, lag time.Duration, keys ...[]Key) Kind {
	return Kind{Name: name, About: about, Stale: stale, Quiet: caches.Quiet, Lag: lag, Keys: slices.Concat(append(keys, everyKind)...)}
}

func cached(by time.Duration, k Kind) Kind {
	k.Cache = by
	return k
}

func inPod(k Kind) Kind {
	k.InPod = true
	return k
}

// Kinds are the registries that can be spoken to, in the order of the help.
//
// Where Stale comes from, package caches says. Lag was measured.
var Kinds = []Kind{
	kind("nacos", "Nacos 1.x, 2.x and 3.x: the instance is disabled", caches.Spring.Most, 700*time.Millisecond,
		serverKeys, instanceKeys, passwordKeys, tokenKeys, []Key{
			{"namespace", "namespace's id, not its name (public)"},
			{"group", "group (DEFAULT_GROUP)"},
			{"cluster", "cluster, where the instance is looked for (all)"},
			{"context", "path before the API's (/nacos)"},
			{"api", "v1 or v3 (asked of the server)"},
			{"weight", "in a record: the weight that was found"},
			{"ephemeral", "in a record: whether it is kept by beats"},
		}),
	cached(caches.EurekaServer, kind("eureka", "Eureka: the instance's status is overridden by OUT_OF_SERVICE", caches.Eureka.Most, 500*time.Millisecond,
		serverKeys, instanceKeys, passwordKeys, []Key{
			{"id", "the instance's id (that of the instance with the pod's address)"},
		})),
	kind("zookeeper", "ZooKeeper with the layouts of Spring Cloud and Dubbo: the instance's nodes are deleted", caches.Spring.Most, zookeeperLag,
		serverKeys, instanceKeys, passwordKeys, []Key{
			{"layout", "spring or dubbo (spring)"},
			{"root", "path of the services, or of Dubbo's interfaces (/services, /dubbo)"},
		}),
	// The interface's node was seen to go after 0.05 s and the application's after 1.0 s.
	inPod(kind("dubbo", "Dubbo 2.7 and 3 by QoS in the pod: the application takes its services out, whatever its registry", caches.Dubbo.Most, time.Second,
		[]Key{
			{"server", "the application's QoS, host:port (127.0.0.1:22222, or the port found in Spring's settings)"},
			{"service", "the application's name, for the log (found in Spring's settings)"},
		})),
	// Deregistered, it was out of the leader's answers after 1.1 to 1.5 ms, through another agent.
	kind("consul", "Consul: the instance is deregistered at its agent, or put into maintenance", caches.Spring.Most, 100*time.Millisecond,
		serverKeys, instanceKeys, tokenKeys, []Key{
			{"by", "deregister or maintenance (deregister: maintenance is not seen by consumers that take instances in any state, as Spring Cloud's do by default)"},
			{"id", "the instance's id (that of the instance with the pod's address)"},
		}),
	// Its consumers are those of the registry behind it; unknown, of the slowest.
	inPod(kind("actuator", "Spring Boot's endpoint serviceregistry in the pod: the application sets its status in its registry", caches.Eureka.Most, 700*time.Millisecond,
		[]Key{
			{"server", "the application's actuator, host:port or URL (127.0.0.1 and the port found in Spring's settings)"},
			{"service", "the application's name, for the log (found in Spring's settings)"},
			{"backend", "its registry: eureka, nacos, consul or zookeeper (found in Spring's settings, or by the answer)"},
			{"context", "path of the actuator (/actuator, or that found in Spring's settings)"},
		}, tlsKeys, passwordKeys)),
	kind("polaris", "Polaris: the instance is isolated", caches.Spring.Most, polarisLag,
		serverKeys, instanceKeys, tokenKeys, []Key{
			{"namespace", "namespace (default)"},
		}),
	kind("etcd", "etcd 3.4 and later, as go-kratos and Kitex register in it: the instance's key is deleted", caches.Etcd.Most, etcdLag,
		[]Key{
			{"server", "all members, host:port or URL, separated by commas"},
			{"service", "the service's name"},
			{"layout", "what the application registers with: kratos or kitex"},
			{"prefix", "of the keys, before the service's name (/microservices for kratos, kitex/registry-etcd for kitex)"},
		}, instanceKeys[1:], tlsKeys, passwordKeys),
}

// LookupKind finds a kind by its name.
func LookupKind(name string) (Kind, error) {
	var names []string
	for _, k := range Kinds {
		if k.Name == name {
			return k, nil
		}
		names = append(names, k.Name)
	}
	return Kind{}, fmt.Errorf("no registry of kind %q: there are %s", name, strings.Join(names, ", "))
}

func (k Kind) knows(key string) bool {
	return slices.ContainsFunc(k.Keys, func(known Key) bool { return known.Name == key })
}
