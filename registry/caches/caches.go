// Package caches says for how long consumers go on sending to an instance that was taken out of a
// registry: what holds for several registries, or for an unknown one. What holds for one registry
// alone is in its client's package. The agent waits that long, check compares hooks with it, and a
// test compares the guides.
package caches

import "time"

// The copies of a registry's list on the way to a consumer, at their defaults.
const (
	Balancer = 35 * time.Second // spring.cloud.loadbalancer.cache.ttl
	// Push is what a notification took at most: Nacos's 0.5 to 0.6 s, ZooKeeper's 0.01 s,
	// Polaris's 1.0 s; Consul's queries are not cached.
	Push = time.Second
)

// Times are a registry's.
type Times struct {
	Name string
	// Most is for how long a consumer may go on: the wait where its silence can't be seen.
	Most time.Duration
	// Seen is for how long consumers at their defaults were seen to go on, rounded up. A hook that
	// waits less is sure to lose.
	Seen time.Duration
}

// Spring is for consumers that are told at once, and then go by the load balancer's cache: Nacos, Consul,
// ZooKeeper, Polaris.
var Spring = Times{"Nacos, Consul, ZooKeeper, Polaris", Balancer + 5*Push, Balancer + Push}

// Unknown holds for an unknown registry: the longest of all, Eureka's.
const Unknown = 95 * time.Second

// Quiet is the least silence that shows that a consumer has stopped: longer than the pause between
// two requests of one that is not idle.
const Quiet = 5 * time.Second
