//go:build registries && nightly

package zookeeper_test

import (
	"testing"

	"github.com/lameduck-dev/lameduck/test/registries"
)

// TestSpring has two Spring Boot applications and a consumer, registered in an ensemble of three.
func TestSpring(t *testing.T) {
	servers := registries.ForTest(t, registries.ZooKeepers(registries.ZooKeeperServer{Members: 3}))
	holds(t, servers, registries.Boot3ZooKeeper, "zookeeper service=orders")
}
