package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/lameduck-dev/lameduck/verify/ledger"
)

// calls is the health service, with a ledger.
type calls struct {
	grpc_health_v1.UnimplementedHealthServer
	*app
}

func (a *app) newCalls() *grpc.Server {
	server := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(server, &calls{app: a})
	return server
}

var serving = &grpc_health_v1.HealthCheckResponse{Status: grpc_health_v1.HealthCheckResponse_SERVING}

// Check implements grpc_health_v1.HealthServer.
func (c *calls) Check(ctx context.Context, _ *grpc_health_v1.HealthCheckRequest) (*grpc_health_v1.HealthCheckResponse, error) {
	id, echo := c.received(ctx)
	time.Sleep(c.config.work)
	c.applied(id)
	return serving, grpc.SetHeader(ctx, echo)
}

// Watch implements grpc_health_v1.HealthServer. It ends with status OK when the application stops.
func (c *calls) Watch(_ *grpc_health_v1.HealthCheckRequest, stream grpc.ServerStreamingServer[grpc_health_v1.HealthCheckResponse]) error {
	id, echo := c.received(stream.Context())
	c.applied(id)
	if err := stream.SetHeader(echo); err != nil {
		return err
	}
	if err := stream.Send(serving); err != nil {
		return err
	}
	select {
	case <-stream.Context().Done():
	case <-c.leaving:
	}
	return nil
}

// received writes into the ledger that a call with an id arrived, and gives what its answer says.
func (c *calls) received(ctx context.Context) (id string, echo metadata.MD) {
	got, _ := metadata.FromIncomingContext(ctx)
	ids := got.Get("X-Request-Id")
	if len(ids) != 1 || !ledger.ValidID(ids[0]) {
		return "", nil
	}
	c.book.received(ids[0])
	echo = metadata.Pairs("X-Request-Id", ids[0], "X-Pod", c.config.pod, "X-Ledger", "true")
	if client, ok := peer.FromContext(ctx); ok {
		echo.Set("X-Peer", client.Addr.String())
	}
	return ids[0], echo
}

func (c *calls) applied(id string) {
	if id != "" {
		c.book.applied(id)
	}
}

// stopCalls sends a GOAWAY to every client and waits for the calls under way, at most for the timeout.
func (a *app) stopCalls(timeout time.Duration) {
	late := time.AfterFunc(timeout, a.calls.Stop)
	defer late.Stop()
	a.calls.GracefulStop()
}
