package verify

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The lanes.
const (
	LaneFresh      = "fresh"       // GET, a new connection for each request
	LaneKeepAlive  = "keepalive"   // GET over keep-alive connections; net/http may retry it in silence
	LanePost       = "post"        // POST over keep-alive connections; net/http can't replay it
	LaneH2         = "h2"          // GET over HTTP/2
	LaneGRPC       = "grpc"        // unary gRPC calls
	LaneGRPCStream = "grpc-stream" // gRPC calls that the server answers with a stream
	LaneWS         = "ws"          // WebSocket sessions
	LaneSSE        = "sse"         // server-sent events
	LaneDownload   = "download"    // GET of a long answer
)

// DefaultLanes run when no others are asked for.
var DefaultLanes = []string{LaneFresh, LaneKeepAlive, LanePost}

// way is how a lane sends its requests.
type way struct {
	lane  string
	probe string // what the probe sends; lanes with the same probe and URL share it
	path  string // of the URL unless the lane has one of its own; empty: that of the target
	held  bool   // a request lasts once it was answered
	make  func(t *targetOptions) Target
	url   *url.URL
}

// ways lists the ways of all lanes.
var ways = []way{
	{lane: LaneFresh, probe: http.MethodGet, make: newFresh},
	{lane: LaneKeepAlive, probe: http.MethodGet, make: newKeepAlive},
	{lane: LanePost, probe: http.MethodPost, make: newPost},
	{lane: LaneH2, probe: "HTTP/2 GET", make: newH2},
	{lane: LaneGRPC, probe: "gRPC call", path: "/grpc.health.v1.Health/Check", make: newGRPC},
	{lane: LaneGRPCStream, probe: "gRPC stream", path: "/grpc.health.v1.Health/Watch", held: true, make: newGRPCStream},
	{lane: LaneWS, probe: "WebSocket", held: true, make: newWebSocket},
	{lane: LaneSSE, probe: "event stream", held: true, make: newEvents},
	{lane: LaneDownload, probe: "download", held: true, make: newDownload},
}

// AllLanes are the names of all lanes.
func AllLanes() []string {
	var names []string
	for _, w := range ways {
		names = append(names, w.lane)
	}
	return names
}

// waysOf finds the ways of lanes, each given as NAME or NAME=URL.
func waysOf(lanes []string, target *url.URL) ([]way, error) {
	var found []way
	for _, lane := range lanes {
		name, own, hasOwn := strings.Cut(lane, "=")
		i := slices.IndexFunc(ways, func(w way) bool { return w.lane == name })
		if i < 0 {
			return nil, fmt.Errorf("no lane %q: there are %s", name, strings.Join(AllLanes(), ", "))
		}
		if slices.ContainsFunc(found, func(w way) bool { return w.lane == name }) {
			return nil, fmt.Errorf("lane %q is given twice", name)
		}
		w := ways[i]
		w.url = target
		if w.path != "" {
			w.url = target.ResolveReference(&url.URL{Path: w.path})
		}
		if hasOwn {
			var err error
			if w.url, err = parseTarget(own, target); err != nil {
				return nil, fmt.Errorf("lane %s: URL %w", name, err)
			}
		}
		found = append(found, w)
	}
	return found, nil
}

// parseTarget parses a URL that load can be sent to; base, unless nil, completes it.
func parseTarget(text string, base *url.URL) (*url.URL, error) {
	target, err := url.Parse(text)
	if err != nil {
		var why *url.Error
		if errors.As(err, &why) {
			err = why.Err
		}
		return nil, fmt.Errorf("%q: must be http://host[:port]/path, or https: %w", text, err)
	}
	if base != nil {
		target = base.ResolveReference(target)
	}
	if (target.Scheme != "http" && target.Scheme != "https") || target.Host == "" {
		return nil, fmt.Errorf("%q: must be http://host[:port]/path, or https", text)
	}
	if target.Path == "" {
		target.Path = "/"
	}
	return target, nil
}

// Held reports whether a lane, given as NAME or NAME=URL, has requests that last.
func Held(lane string) bool {
	name, _, _ := strings.Cut(lane, "=")
	return slices.ContainsFunc(ways, func(w way) bool { return w.lane == name && w.held })
}
