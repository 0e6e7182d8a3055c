// Package main is a gRPC server with health, and a readiness probe over HTTP.
package main

import (
	"context"
	"log"
	"net/http"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/lameduck-dev/lameduck/graceful"
	gracefulgrpc "github.com/lameduck-dev/lameduck/graceful/contrib/grpc"
)

func main() {
	srv, states := grpc.NewServer(), health.NewServer()
	grpc_health_v1.RegisterHealthServer(srv, states)
	var g graceful.Group
	g.Add("grpc :9000", &gracefulgrpc.Server{Server: srv, Addr: ":9000", Health: states})
	g.Serve(&http.Server{Addr: ":8080", Handler: g.Ready()})
	if err := g.Run(context.Background()); err != nil {
		log.Fatal(err)
	}
}
