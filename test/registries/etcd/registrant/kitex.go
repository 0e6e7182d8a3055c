package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/cloudwego/kitex/pkg/discovery"
	"github.com/cloudwego/kitex/pkg/registry"
	etcd "github.com/kitex-contrib/registry-etcd"
)

// kitex is a server and a client of Kitex.
type kitex struct {
	registry registry.Registry
	resolver discovery.Resolver
	info     *registry.Info
}

func newKitex(a app) (library, error) {
	var options []etcd.Option
	if a.user != "" {
		options = append(options, etcd.WithAuthOpt(a.user, a.password))
	}
	k := kitex{}
	var err error
	if k.registry, err = etcd.NewEtcdRegistry(a.servers, options...); err != nil {
		return nil, fmt.Errorf("opening etcd: %w", err)
	}
	if k.resolver, err = etcd.NewEtcdResolver(a.servers, options...); err != nil {
		return nil, fmt.Errorf("opening etcd: %w", err)
	}
	address, err := net.ResolveTCPAddr("tcp", a.address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	k.info = &registry.Info{ServiceName: a.service, Addr: address, Weight: 3, Tags: map[string]string{"zone": "a"}}
	return k, nil
}

func (k kitex) register(context.Context) error { return k.registry.Register(k.info) }

func (k kitex) deregister(context.Context) error { return k.registry.Deregister(k.info) }

func (k kitex) instances(ctx context.Context) (all []string, err error) {
	found, err := k.resolver.Resolve(ctx, k.info.ServiceName)
	if err != nil && strings.Contains(err.Error(), "no instance remains") {
		return nil, nil // which is how this library says none
	}
	for _, one := range found.Instances {
		all = append(all, one.Address().String())
	}
	return all, err
}
