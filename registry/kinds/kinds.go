// Package kinds makes the client for a registry's kind.
package kinds

import (
	"fmt"

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

var makers = map[string]func(registry.Spec, registry.Pod) (registry.Registry, error){
	"consul":    func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return consul.New(s, p) },
	"actuator":  func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return actuator.New(s, p) },
	"dubbo":     func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return dubbo.New(s, p) },
	"etcd":      func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return etcd.New(s, p) },
	"eureka":    func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return eureka.New(s, p) },
	"nacos":     func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return nacos.New(s, p) },
	"polaris":   func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return polaris.New(s, p) },
	"zookeeper": func(s registry.Spec, p registry.Pod) (registry.Registry, error) { return zookeeper.New(s, p) },
}

// New makes the client that a spec asks for, for the instance of a pod.
func New(spec registry.Spec, pod registry.Pod) (registry.Registry, error) {
	maker, found := makers[spec.Kind]
	if !found {
		return nil, fmt.Errorf("no client for a registry of kind %q", spec.Kind)
	}
	return maker(spec, pod)
}
