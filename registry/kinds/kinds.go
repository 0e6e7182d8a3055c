// Package kinds lists the supported kinds of registries.
package kinds

import (
	"github.com/lameduck-dev/lameduck/registry"
	"github.com/lameduck-dev/lameduck/registry/actuator"
	"github.com/lameduck-dev/lameduck/registry/consul"
	"github.com/lameduck-dev/lameduck/registry/dubbo"
	"github.com/lameduck-dev/lameduck/registry/etcd"
	"github.com/lameduck-dev/lameduck/registry/eureka"
	"github.com/lameduck-dev/lameduck/registry/nacos"
	"github.com/lameduck-dev/lameduck/registry/polaris"
	"github.com/lameduck-dev/lameduck/registry/zookeeper"
)

// All are the kinds of registries, in the order of the help.
var All = registry.Kinds{
	nacos.Kind,
	eureka.Kind,
	zookeeper.Kind,
	dubbo.Kind,
	consul.Kind,
	actuator.Kind,
	polaris.Kind,
	etcd.Kind,
}
