// Package haproxy asks HAProxy by its statistics page. That names the servers' addresses only with
// `stats show-legends`.
package haproxy

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/lameduck-dev/lameduck/router"
)

// Name of the kind.
const Name = "haproxy"

// Kind is HAProxy.
type Kind struct{}

// Find finds HAProxy's statistics in a pod: a port that its container declares as "stats", with the
// page at /.
func (Kind) Find(pod *corev1.Pod) (router.API, bool) {
	port, found := router.NamedPort(pod, Name, "stats")
	return router.API{Kind: Name, Port: port}, found
}

// Ask reads all servers of all backends. A server whose name HAProxy resolves is listed by its address alone, so
// any may be such a one.
func (Kind) Ask(ctx context.Context, door *router.Door) (*router.Addresses, error) {
	found, page := &router.Addresses{Named: true}, ";csv"
	if door.Path() == "" {
		page = "/;csv"
	}
	err := door.Get(ctx, page, func(_ http.Header, body *router.Body) error { return read(body, found) })
	if err != nil {
		return nil, err
	}
	return found, nil
}

// columns of the statistics that are read.
var columns = []string{"status", "weight", "type", "addr", "cookie"}

// typeServer is the type of a server's line; frontends and backends have others.
const typeServer = "2"

// maxLine bounds a line, in bytes: one has about a hundred numbers.
const maxLine = 64 << 10

var (
	errTable     = errors.New("its statistics have no table with status, weight, type, addr and cookie")
	errAddresses = errors.New("its statistics name no addresses: set `stats show-legends` beside `stats enable`")
)

func read(body *router.Body, found *router.Addresses) error {
	lines := bufio.NewScanner(body)
	lines.Buffer(make([]byte, 0, 4<<10), maxLine)
	at, width := make([]int, len(columns)), 0
	for lines.Scan() {
		body.Next()
		if lines.Text() == "" {
			continue
		}
		fields, err := csv.NewReader(strings.NewReader(lines.Text())).Read()
		switch {
		case err != nil:
			return fmt.Errorf("its statistics: %w", err)
		case width == 0:
			fields[0] = strings.TrimPrefix(fields[0], "# ")
			width = len(fields)
			for i, column := range columns {
				if at[i] = slices.Index(fields, column); at[i] < 0 {
					return errTable
				}
			}
			continue
		case len(fields) != width:
			return errTable
		}
		server := make([]string, len(columns))
		for i, column := range at {
			server[i] = fields[column]
		}
		if err := add(server, found); err != nil {
			return err
		}
	}
	if width == 0 && lines.Err() == nil {
		return errTable
	}
	return lines.Err()
}

func add(server []string, found *router.Addresses) error {
	status, weight, kind, address, cookie := server[0], server[1], server[2], server[3], server[4]
	switch {
	case kind != typeServer, address == "" && strings.HasPrefix(status, "MAINT"): // it may have no address yet
		return nil
	case address == "":
		return errAddresses
	}
	return found.Add(address, use(status, weight, cookie))
}

// use of a server. One in maintenance gets nothing, unless clients hold its cookie, which `option persist`
// follows in any state. A server that is down, drains or has no weight keeps its sessions.
func use(status, weight, cookie string) router.Use {
	maintained := strings.HasPrefix(status, "MAINT")
	switch {
	case maintained && cookie == "":
		return router.Gone
	case maintained, weight == "0":
		return router.Bound
	case strings.HasPrefix(status, "UP"), status == "no check":
		return router.Sends
	}
	return router.Bound
}
