package dubbo

import (
	"net"
	"time"

	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/caches"
)

// Kind is Dubbo's QoS. Its consumers have a balancer of their own that does not cache. The
// interface's node was seen to go 0.05 s after /offline, the application's after 1.0 s, and the last
// request came 0 to 1.9 s later. Most is that of one that missed a push and polls its registry: 10 s,
// the Nacos client's at most, and half as much again.
var Kind = registry.Kind{
	Name: "dubbo", About: "Dubbo 2.7 and 3 by QoS in the pod: the application takes its services out, whatever its registry",
	Keys: registry.Keys([]registry.Key{
		{Name: "server", Help: "the application's QoS, host:port (127.0.0.1:22222, or the port found in Spring's settings)"},
		{Name: "service", Help: "the application's name, for the log (found in Spring's settings)"},
	}),
	Caches: caches.Times{Name: "Dubbo", Most: 15 * time.Second, Seen: 3 * time.Second},
	Lag:    time.Second,
	InPod:  true,
	Settings: registry.Settings{
		Properties: map[string][]string{
			"server":  {"dubbo.application.qos-port", "dubbo.qos.port"},
			"service": {"dubbo.application.name", "spring.application.name"},
		},
		Translate: func(key, value string) string {
			if key == "server" && registry.IsPort(value) {
				return net.JoinHostPort("127.0.0.1", value)
			}
			return value
		},
	},
	New: registry.Maker(New),
}
