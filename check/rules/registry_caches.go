package rules

import (
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/workload"
)

// How long copies of a registry's list live by default, in seconds.
const (
	eurekaServerCache = 30 // eureka.server.response-cache-update-interval-ms
	eurekaFetch       = 30 // eureka.client.registry-fetch-interval-seconds
	balancerCache     = 35 // spring.cloud.loadbalancer.cache.ttl
	registryPush      = 1  // Nacos 0.5 to 0.6 s measured, ZooKeeper 0.01 s; Consul's queries are not cached
	dubboStale        = 3  // by /offline: the application's node went after 1.0 s, the last request came 0 to 1.9 s later

	// eurekaStale is how long consumers with default settings were seen to go
	// on calling an instance that is OUT_OF_SERVICE, rounded up. The sum of
	// the caches on the way, 95 s, was never seen.
	eurekaStale = 60
)

// caches are the longest that an application of the input keeps a copy of a
// registry's list.
type caches struct{ fetch, balancer int64 }

// staleness is for how long consumers go on calling an instance that has been
// withdrawn from a registry, in seconds: as the input's applications are
// configured, or by default.
func staleness(p *check.Pass, registry string) int64 {
	type key string
	c := p.Once(key(registry), func() any { return cachesOf(p.Input.Workloads, registry) }).(caches)
	switch registry {
	case "Eureka":
	case dubbo: // has a balancer of its own, which does not cache
		return dubboStale
	default:
		return registryPush + c.balancer
	}
	worst := eurekaServerCache + c.fetch + c.balancer
	if most := int64(eurekaServerCache + eurekaFetch + balancerCache); worst > most {
		return eurekaStale + worst - most
	}
	return min(worst, eurekaStale)
}

func cachesOf(workloads []*workload.Workload, registry string) caches {
	longest, found := caches{}, false
	for _, w := range workloads {
		for _, c := range w.Containers {
			if r, _, ok := registered(c); ok && r.name == registry {
				mine := ownCaches(c)
				longest = caches{max(longest.fetch, mine.fetch), max(longest.balancer, mine.balancer)}
				found = true
			}
		}
	}
	if !found {
		return caches{eurekaFetch, balancerCache}
	}
	return longest
}

func ownCaches(c *workload.Container) caches {
	out := caches{eurekaFetch, balancerCache}
	if s, ok := c.Property("eureka.client.registry-fetch-interval-seconds"); ok {
		if n, err := strconv.ParseInt(strings.TrimSpace(s.Value), 10, 64); err == nil {
			out.fetch = n
		}
	}
	if s, ok := c.Property("spring.cloud.loadbalancer.cache.ttl"); ok {
		if d, ok := duration(s.Value, time.Millisecond); ok {
			out.balancer = ceil(d.Seconds())
		}
	}
	if s, ok := c.Property("spring.cloud.loadbalancer.cache.enabled"); ok && strings.EqualFold(s.Value, "false") {
		out.balancer = 0
	}
	return out
}
