// Package caches says for how long consumers of a registry go on sending to an instance that has
// been taken out of it. It is the one table: the agent waits by it, check holds hooks against it,
// and the guides are held to it by a test.
package caches

import "time"

// The copies of a registry's list on the way to a consumer, at their defaults.
const (
	EurekaServer = 30 * time.Second // eureka.server.response-cache-update-interval-ms
	EurekaFetch  = 30 * time.Second // eureka.client.registry-fetch-interval-seconds
	Balancer     = 35 * time.Second // spring.cloud.loadbalancer.cache.ttl
	// Push is what a notification took at most: Nacos's 0.5 to 0.6 s, ZooKeeper's 0.01 s,
	// Polaris's 1.0 s; Consul's queries are not cached.
	Push = time.Second
)

// Times are a registry's.
type Times struct {
	Name string
	// Most is for how long a consumer may go on: for that long is waited where nothing is seen of
	// its silence.
	Most time.Duration
	// Seen is for how long consumers at their defaults were seen to go on, rounded up. A hook that
	// waits less is sure to lose.
	Seen time.Duration
}

// Spring has consumers that are told at once, and then go by the load balancer's cache: Nacos, Consul,
// ZooKeeper, Polaris.
var Spring = Times{"Nacos, Consul, ZooKeeper, Polaris", Balancer + 5*Push, Balancer + Push}

// Eureka has consumers that go by three caches one after the other. The sum was never seen.
var Eureka = Times{"Eureka", EurekaServer + EurekaFetch + Balancer, 60 * time.Second}

// Dubbo has a balancer of its own that does not cache. The application's node went 1.0 s after
// /offline, the last request came 0 to 1.9 s later. Most is that of one that missed a push and polls
// its registry: 10 s, the Nacos client's at most, and half as much again.
var Dubbo = Times{"Dubbo", 15 * time.Second, 3 * time.Second}

// Etcd has two kinds of consumers: Kitex asks every 5 s, by its balancer's cache, and twice that is
// waited; go-kratos watches.
var Etcd = Times{"etcd", 10 * time.Second, 5 * time.Second}

// All are the rows of the table.
var All = []Times{Eureka, Spring, Dubbo, Etcd}

// Unknown holds for a registry of which nothing is known: the longest of all.
var Unknown = Eureka.Most

// Quiet is the least silence that shows that a consumer has stopped: longer than the pause between
// two requests of one that is not idle.
const Quiet = 5 * time.Second
