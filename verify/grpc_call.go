package verify

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"syscall"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"

	"github.com/lameduck-dev/lameduck/report"
)

// call is what the statistics of grpc-go show of one call.
type call struct {
	target *grpcTarget

	mu       sync.Mutex
	attempts []attempt
	told     bool // the last attempt was answered with a status
}

// attempt is one connection that the call was given to.
type attempt struct {
	wire   *wire
	before *answerer // that answered over it before
}

type callKey struct{}

// TagRPC implements stats.Handler.
func (g *grpcTarget) TagRPC(ctx context.Context, _ *stats.RPCTagInfo) context.Context { return ctx }

// TagConn implements stats.Handler.
func (g *grpcTarget) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }

// HandleConn implements stats.Handler.
func (g *grpcTarget) HandleConn(context.Context, stats.ConnStats) {}

// HandleRPC implements stats.Handler.
func (g *grpcTarget) HandleRPC(ctx context.Context, stat stats.RPCStats) {
	c, ok := ctx.Value(callKey{}).(*call)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch stat := stat.(type) {
	case *stats.Begin:
		c.told = false
	case *stats.OutHeader:
		g.mu.Lock()
		a := attempt{wire: g.wires[stat.LocalAddr.String()]}
		g.mu.Unlock()
		if a.wire != nil && a.wire.below != nil {
			a.before = a.wire.below.end.Load()
		}
		c.attempts = append(c.attempts, a)
	case *stats.InTrailer:
		c.told = true
	}
}

// learn says in s what the call's connections showed. An attempt was masked only if it reached a
// server that did not take it: grpc-go also chooses anew before it has sent anything.
func (c *call) learn(s *Shot) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.attempts) == 0 {
		return
	}
	s.Conns = 1
	for _, a := range c.attempts[:len(c.attempts)-1] {
		if a.wire != nil && a.wire.turnedAway() {
			s.Conns++
			s.Retried = "the server did not take it, by GOAWAY or REFUSED_STREAM"
		}
	}
	if before := c.attempts[0].before; before != nil {
		s.Reused, s.Suspect, s.Direct = true, before.pod, before.direct
	}
	if last := c.attempts[len(c.attempts)-1]; s.Pod != "" && last.wire != nil && last.wire.below != nil {
		s.Routed = last.wire.below.answered(s.Pod, s.peer)
	}
}

// codeNames are the names of gRPC's status codes.
var codeNames = [...]string{
	"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
	"UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
}

func codeName(code codes.Code) string {
	if int(code) < len(codeNames) {
		return codeNames[code]
	}
	return codeNames[codes.Unknown]
}

// signs are how grpc-go tells, in the text of a status alone, what happened to the connection.
var signs = []struct {
	text string
	kind report.Kind
}{
	{"stream terminated by RST_STREAM", report.RSTStream},
	{"without sending trailers", report.NoStatus},
	{"goaway", report.GoAway},
	{"is draining", report.GoAway},
	{syscall.ECONNREFUSED.Error(), report.Refused},
	{syscall.ECONNRESET.Error(), report.Reset},
	{syscall.EPIPE.Error(), report.Reset},
	{syscall.EHOSTUNREACH.Error(), report.Unreachable},
	{syscall.ENETUNREACH.Error(), report.Unreachable},
	{"no such host", report.Unreachable},
	{io.EOF.Error(), report.EOF},
	{"transport is closing", report.EOF},
	{"connection is closing", report.EOF},
	{syscall.ETIMEDOUT.Error(), report.Timeout},
	{"i/o timeout", report.Timeout},
}

// explain gives a failed call its kind: the server's status if it sent one, else what became of the
// connection.
func (c *call) explain(err error) error {
	c.mu.Lock()
	told := c.told
	c.mu.Unlock()
	said, isStatus := status.FromError(err)
	switch {
	case !isStatus:
		return err
	case told:
		return &kindError{report.StatusKind(codeName(said.Code())), err}
	case said.Code() == codes.DeadlineExceeded:
		return &kindError{report.Timeout, err}
	}
	for _, sign := range signs {
		if strings.Contains(strings.ToLower(said.Message()), strings.ToLower(sign.text)) {
			return &kindError{sign.kind, err}
		}
	}
	var code int
	switch n, _ := fmt.Sscanf(said.Message(), "unexpected HTTP status code received from server: %d", &code); {
	case n == 1 && code >= http.StatusBadRequest:
		return fmt.Errorf("%w: %w", &statusError{code}, err)
	case n == 1:
		return &bodyError{said.Message()}
	}
	return &kindError{report.Other, err} // the status is grpc-go's own
}
