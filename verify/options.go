package verify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"time"
)

// Options says what Run does. The zero value of each field but URL has a default.
type Options struct {
	URL string // of the target: http[s]://host[:port]/path
	// Lanes to run, each by its name, or as NAME=URL if it has a URL of its own, absolute or relative
	// to the one above. Default: DefaultLanes.
	Lanes  []string
	Rate   float64     // requests per second, all lanes together; default 100
	Header http.Header // sent with each request

	Before   time.Duration // load before the action; default 3 s
	After    time.Duration // load after the action is complete; default 5 s
	Duration time.Duration // of the load when there is no Action; default 10 s

	// Action is done while the load runs. With a Cluster, it is complete when it returned and the
	// pods that left meanwhile are gone. Its context ends after ActionTimeout, 15 min by default.
	Action        func(ctx context.Context) error
	ActionName    string
	ActionTimeout time.Duration

	// Timeout of a request, from its intended start; default 5 s. A request that can't begin
	// within half of it counts as unsent.
	Timeout time.Duration
	// Hold is how long a request of a held lane lasts once it was answered; default 5 s. A download
	// has Timeout and Hold together.
	Hold time.Duration
	// GRPCMessage is the message that the lanes grpc and grpc-stream send, as it is encoded; default: empty.
	GRPCMessage []byte
	// WSMessage is a text that the lane ws sends every second and that must be answered by some
	// message; default: pings of the protocol, which every server answers.
	WSMessage string
	// MaxInFlight bounds the requests in flight of each lane. The default is what the lane sends
	// within Timeout, and Hold if it is held, at least 16 and at most 4,096.
	MaxInFlight int
	// Conns is the number of keep-alive connections that a lane's requests go round. The default is
	// 10, or less if each would be used less than four times a second.
	Conns int
	// IdleTimeout is the idle time after which the client closes a connection; default 1 s, less
	// than servers wait, so that the client's own idleness does not race with their close.
	IdleTimeout time.Duration
	// Dial makes the connections; default net.Dialer. Its context ends after Timeout.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	TLS  *tls.Config // for https; default: the system's roots

	Cluster  *Cluster  // what to watch; nil for nothing
	Progress io.Writer // a line every two seconds; nil for none
}

// ErrOptions marks options that are wrong.
var ErrOptions = errors.New("verify")

// Validate says what is wrong with the options: an error that Run would return.
func (o Options) Validate() error {
	_, _, err := o.withDefaults()
	return err
}

// withDefaults completes the options, and gives the ways in which their lanes send.
func (o Options) withDefaults() (Options, []way, error) {
	target, err := parseTarget(o.URL, nil)
	if err != nil {
		return o, nil, fmt.Errorf("%w: target URL %w", ErrOptions, err)
	}
	if len(o.Lanes) == 0 {
		o.Lanes = DefaultLanes
	}
	ways, err := waysOf(o.Lanes, target)
	if err != nil {
		return o, nil, fmt.Errorf("%w: %w", ErrOptions, err)
	}
	if o.Rate < 0 || math.IsNaN(o.Rate) || o.Rate > 100_000 {
		return o, nil, fmt.Errorf("%w: rate %v: must be more than 0 and at most 100,000 requests per second", ErrOptions, o.Rate)
	}
	if o.Rate == 0 {
		o.Rate = 100
	}
	durations := []struct {
		name     string
		value    *time.Duration
		fallback time.Duration
	}{
		{"before", &o.Before, 3 * time.Second}, {"after", &o.After, 5 * time.Second},
		{"duration", &o.Duration, 10 * time.Second}, {"action timeout", &o.ActionTimeout, 15 * time.Minute},
		{"timeout", &o.Timeout, 5 * time.Second}, {"idle timeout", &o.IdleTimeout, time.Second},
		{"hold", &o.Hold, 5 * time.Second},
	}
	for _, d := range durations {
		if *d.value < 0 {
			return o, nil, fmt.Errorf("%w: %s is %v, must not be negative", ErrOptions, d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.fallback
		}
	}
	if o.Timeout > time.Minute {
		return o, nil, fmt.Errorf("%w: timeout %v: at most 1m, the longest latency that is measured", ErrOptions, o.Timeout)
	}
	if o.MaxInFlight < 0 || o.Conns < 0 {
		return o, nil, fmt.Errorf("%w: requests in flight and connections must not be negative", ErrOptions)
	}
	rate := o.Rate / float64(len(o.Lanes))
	if o.Conns == 0 {
		o.Conns = min(max(1, int(rate/4)), 10)
	}
	if o.Dial == nil {
		o.Dial = (&net.Dialer{}).DialContext
	}
	if o.Cluster != nil && o.Cluster.Namespace == "" {
		return o, nil, fmt.Errorf("%w: no namespace of the cluster to watch is given", ErrOptions)
	}
	if o.ActionName == "" {
		o.ActionName = "action"
	}
	return o, ways, nil
}

// inFlight bounds the requests in flight of a lane.
func (o *Options) inFlight(w *way) int {
	if o.MaxInFlight > 0 {
		return o.MaxInFlight
	}
	lasts := o.Timeout
	if w.held {
		lasts += o.Hold
	}
	return min(max(16, int(o.Rate/float64(len(o.Lanes))*lasts.Seconds())), 4096)
}

// dialer bounds a connect by the timeout: net/http gives it no deadline.
func (o *Options) dialer() func(ctx context.Context, network, address string) (net.Conn, error) {
	dial, timeout := o.Dial, o.Timeout
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		return dial(ctx, network, address)
	}
}
