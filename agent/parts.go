package agent

import (
	"context"

	"github.com/lameduck-dev/lameduck/agent/hubapi"
	"github.com/lameduck-dev/lameduck/agent/sockets"
	"github.com/lameduck-dev/lameduck/graceful/termination"
)

// Hub is told that the pod is leaving, and knows whether its routers have stopped.
type Hub interface {
	// Confirm asks once.
	Confirm(ctx context.Context, question hubapi.Question) (hubapi.ConfirmResponse, error)
	Report(ctx context.Context, line termination.Timeline) error
	// Record says what is being withdrawn from registries, so that its traces are cleared
	// when the pod is gone.
	Record(ctx context.Context, records []string) error
}

// Sockets sees the pod's connections. What it returns is valid until the next look.
type Sockets interface {
	Look() (sockets.Look, error)
}

// Hook is the pod's own preStop. It ends when ctx does, and says in a few words how it ended.
type Hook interface {
	Run(ctx context.Context) (result string, err error)
}

// Parts are what Run works with. Only Sockets is required.
type Parts struct {
	Hub     Hub // nil: the agent goes by what it sees itself
	Sockets Sockets
	// Registries hold the pod, beside what the hub knows of; nil: none do.
	Registries Registries
	Hook       Hook
	// AtAnnounce runs the pod's own hook at the beginning, beside everything else, and not
	// after the drain.
	AtAnnounce bool
	// Inside recognises the pod's connections with itself, which no router makes. Default: the
	// peer is a loopback address or the connection's own.
	Inside func(sockets.Conn) bool
}
