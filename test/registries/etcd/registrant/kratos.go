package main

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"time"

	etcd "github.com/go-kratos/kratos/contrib/registry/etcd/v2"
	"github.com/go-kratos/kratos/v2/registry"
	clientv3 "go.etcd.io/etcd/client/v3"
)

// kratos is an application of go-kratos, which has a server of HTTP and one of gRPC.
type kratos struct {
	registry *etcd.Registry
	instance *registry.ServiceInstance
}

func newKratos(a app) (library, error) {
	client, err := clientv3.New(clientv3.Config{Endpoints: a.servers, Username: a.user, Password: a.password, DialTimeout: 5 * time.Second})
	if err != nil {
		return nil, fmt.Errorf("opening etcd: %w", err)
	}
	host, text, err := net.SplitHostPort(a.address)
	if err != nil {
		return nil, fmt.Errorf("reading the address: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("reading the port: %w", err)
	}
	return kratos{registry: etcd.New(client), instance: &registry.ServiceInstance{
		ID: a.id, Name: a.service, Version: "v1", Metadata: map[string]string{"zone": "a"},
		Endpoints: []string{"http://" + a.address, "grpc://" + net.JoinHostPort(host, strconv.Itoa(port+1000))},
	}}, nil
}

func (k kratos) register(ctx context.Context) error { return k.registry.Register(ctx, k.instance) }

func (k kratos) deregister(ctx context.Context) error { return k.registry.Deregister(ctx, k.instance) }

func (k kratos) instances(ctx context.Context) (all []string, err error) {
	found, err := k.registry.GetService(ctx, k.instance.Name)
	for _, one := range found {
		all = append(all, one.Endpoints...)
	}
	return all, err
}
