package rules

import (
	"strconv"
	"strings"
	"time"

	"github.com/lameduck-dev/lameduck/check"
	"github.com/lameduck-dev/lameduck/registry/caches"
	dubboqos "github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/workload"
)

// copies are the longest that an application of the input keeps a copy of a
// registry's list, in seconds.
type copies struct{ fetch, balancer int64 }

var atDefaults = copies{seconds(eureka.FetchCache), seconds(caches.Balancer)}

func seconds(d time.Duration) int64 { return ceil(d.Seconds()) }

// staleness is for how long consumers go on calling an instance that has been
// withdrawn from a registry, in seconds: as the input's applications are
// configured, or by default.
func staleness(p *check.Pass, registry string) int64 {
	type key string
	c := p.Once(key(registry), func() any { return cachesOf(p.Input.Workloads, registry) }).(copies)
	switch registry {
	case "Eureka":
	case dubbo: // has a balancer of its own, which does not cache
		return seconds(dubboqos.Kind.Caches.Seen)
	default:
		return seconds(caches.Push) + c.balancer
	}
	worst, seen := seconds(eureka.ServerCache)+c.fetch+c.balancer, seconds(eureka.Kind.Caches.Seen)
	if most := seconds(eureka.Kind.Caches.Most); worst > most {
		return seen + worst - most
	}
	return min(worst, seen)
}

func cachesOf(workloads []*workload.Workload, registry string) copies {
	longest, found := copies{}, false
	for _, w := range workloads {
		for _, c := range w.Containers {
			if r, _, ok := registered(c); ok && r.name == registry {
				mine := ownCaches(c)
				longest = copies{max(longest.fetch, mine.fetch), max(longest.balancer, mine.balancer)}
				found = true
			}
		}
	}
	if !found {
		return atDefaults
	}
	return longest
}

func ownCaches(c *workload.Container) copies {
	out := atDefaults
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
