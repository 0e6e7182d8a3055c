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
	"net/url"
	"slices"
	"strings"
	"time"
)

// The lanes.
const (
	LaneFresh     = "fresh"     // GET, a new connection for each request
	LaneKeepAlive = "keepalive" // GET over keep-alive connections; net/http may retry it in silence
	LanePost      = "post"      // POST over keep-alive connections; net/http can't replay it
)

// Lanes lists all lanes.
var Lanes = []string{LaneFresh, LaneKeepAlive, LanePost}

// Options says what Run does. The zero value of each field but URL has a default.
type Options struct {
	URL    string      // of the target: http[s]://host[:port]/path
	Lanes  []string    // default: all of Lanes
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
	// MaxInFlight bounds the requests in flight of each lane. The default is what the lane sends
	// within Timeout, at least 16 and at most 4,096.
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

func (o Options) withDefaults() (Options, *url.URL, error) {
	target, err := url.Parse(o.URL)
	if err != nil {
		return o, nil, fmt.Errorf("%w: target URL: %w", ErrOptions, err)
	}
	if (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		return o, nil, fmt.Errorf("%w: target URL %q: must be http://host[:port]/path, or https", ErrOptions, o.URL)
	}
	if target.Path == "" {
		target.Path = "/"
	}
	if len(o.Lanes) == 0 {
		o.Lanes = Lanes
	}
	for i, lane := range o.Lanes {
		if !slices.Contains(Lanes, lane) {
			return o, nil, fmt.Errorf("%w: no lane %q: there are %s", ErrOptions, lane, strings.Join(Lanes, ", "))
		}
		if slices.Contains(o.Lanes[:i], lane) {
			return o, nil, fmt.Errorf("%w: lane %q is given twice", ErrOptions, lane)
		}
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
	if o.MaxInFlight == 0 {
		o.MaxInFlight = min(max(16, int(rate*o.Timeout.Seconds())), 4096)
	}
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
	return o, target, nil
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
