package zookeeper

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
)

// maxNodes bounds what is read of one folder.
const maxNodes = 20_000

// node is an instance as a registry's layout has it.
type node struct {
	path    string
	address string // an IP address, or the instance's host name
	port    int
	stat
}

func (n node) at() (string, int) { return n.address, n.port }

// children are the names of the nodes below a path; false if there is no such path.
func (s *session) children(ctx context.Context, path string) ([]string, bool, error) {
	var e encoder
	e.text(path)
	e.truth(false)
	d, err := s.call(ctx, opGetChildren, e.out)
	switch {
	case errors.Is(err, codeNoNode):
		return nil, false, nil
	case err != nil:
		return nil, false, refused(err, "read "+path)
	}
	names := d.texts(maxNodes)
	if d.err != nil {
		return nil, false, fmt.Errorf("%s: reading the nodes of %s: %w", s.server, path, d.err)
	}
	return names, true, nil
}

// data is what a node holds; false if it is not there.
func (s *session) data(ctx context.Context, path string) (string, stat, bool, error) {
	var e encoder
	e.text(path)
	e.truth(false)
	d, err := s.call(ctx, opGetData, e.out)
	switch {
	case errors.Is(err, codeNoNode):
		return "", stat{}, false, nil
	case err != nil:
		return "", stat{}, false, refused(err, "read "+path)
	}
	text, is := d.text(), d.stat()
	if d.err != nil {
		return "", stat{}, false, fmt.Errorf("%s: reading %s: %w", s.server, path, d.err)
	}
	return text, is, true, nil
}

// remove deletes a node as it was found. One that has gone by itself will do.
func (s *session) remove(ctx context.Context, n node) error {
	var e encoder
	e.text(n.path)
	e.number(n.version)
	_, err := s.call(ctx, opDelete, e.out)
	if errors.Is(err, codeNoNode) {
		return nil
	}
	return refused(err, "delete "+n.path)
}

// sync makes the server catch up with its leader.
func (s *session) sync(ctx context.Context) error {
	var e encoder
	e.text("/")
	_, err := s.call(ctx, opSync, e.out)
	return err
}

// instances reads a service's folder as Curator's service discovery writes it: that is Spring
// Cloud's layout, and that of Dubbo's applications.
func (s *session) instances(ctx context.Context, folder string) ([]node, bool, error) {
	names, there, err := s.children(ctx, folder)
	if err != nil || !there {
		return nil, there, err
	}
	var all []node
	for _, name := range names {
		path := folder + "/" + name
		text, is, found, err := s.data(ctx, path)
		if err != nil {
			return nil, true, err
		}
		if address, port, ok := parseInstance(text); found && ok {
			all = append(all, node{path, address, port, is})
		}
	}
	return all, true, nil
}

// parseInstance reads the JSON of an instance. What others have put there is skipped.
func parseInstance(text string) (address string, port int, ok bool) {
	var got struct {
		Address string `json:"address"`
		Port    *int   `json:"port"`
		SSLPort *int   `json:"sslPort"`
	}
	if json.Unmarshal([]byte(text), &got) != nil || got.Address == "" {
		return "", 0, false
	}
	for _, given := range []*int{got.Port, got.SSLPort} {
		if given != nil && *given > 0 && *given <= 65535 {
			return got.Address, *given, true
		}
	}
	return "", 0, false
}

// providers reads the interfaces below Dubbo's root, each of which has a node for every
// provider; of those it looks at the ones that are wanted.
func (s *session) providers(ctx context.Context, root string, wanted func(address string) bool) ([]node, bool, error) {
	interfaces, there, err := s.children(ctx, root)
	if err != nil || !there {
		return nil, there, err
	}
	var all []node
	for _, name := range interfaces {
		folder := root + "/" + name + "/providers"
		providers, _, err := s.children(ctx, folder)
		if err != nil {
			return nil, true, err
		}
		for _, provider := range providers {
			address, port, ok := parseProvider(provider)
			if !ok || !wanted(address) {
				continue
			}
			path := folder + "/" + provider
			_, is, found, err := s.data(ctx, path)
			if err != nil {
				return nil, true, err
			}
			if found {
				all = append(all, node{path, address, port, is})
			}
		}
	}
	return all, true, nil
}

// parseProvider reads a node's name, which is the provider's URL, escaped.
func parseProvider(name string) (address string, port int, ok bool) {
	text, err := url.QueryUnescape(name)
	if err != nil {
		return "", 0, false
	}
	_, rest, found := strings.Cut(text, "://")
	if !found {
		return "", 0, false
	}
	if end := strings.IndexAny(rest, "/?"); end >= 0 {
		rest = rest[:end]
	}
	if _, after, has := strings.Cut(rest, "@"); has {
		rest = after
	}
	address, digits, err := net.SplitHostPort(rest)
	if err != nil || address == "" {
		return "", 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 16)
	return address, int(number), err == nil && number != 0 //nolint:gosec // 16 bits
}
