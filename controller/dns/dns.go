// Package dns asks the cluster's DNS servers whether they still give out a pod's address.
package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// askFor bounds one question to one server.
const askFor = 2 * time.Second

// maxServers bounds how many servers are asked: clusters have a few, large ones some ten.
const maxServers = 64

// Asker asks every server of the cluster.
type Asker struct {
	Domain  string                  // of the cluster, such as cluster.local
	Servers func() []netip.AddrPort // as they are now
}

// Gives asks every server for the addresses of Services of a namespace. It reports whether any of them
// gives one of ips, and for how long what was given may be cached at the most. An error means that it
// is not known.
func (a *Asker) Gives(ctx context.Context, namespace string, services, ips []string) (gives bool, ttl time.Duration, err error) {
	servers := a.Servers()
	if len(servers) == 0 || len(servers) > maxServers {
		return false, 0, fmt.Errorf("the cluster's DNS has %d servers that can be asked", len(servers))
	}
	for _, server := range servers {
		for _, service := range services {
			for _, kind := range kindsOf(ips) {
				got, lasts, err := ask(ctx, server, service+"."+namespace+".svc."+a.Domain+".", kind)
				if err != nil {
					return false, 0, fmt.Errorf("asking %s: %w", server, err)
				}
				ttl = max(ttl, lasts)
				gives = gives || slices.ContainsFunc(ips, func(ip string) bool { return slices.Contains(got, ip) })
			}
		}
	}
	return gives, ttl, nil
}

// kindsOf are the types of record that can hold the addresses.
func kindsOf(ips []string) (kinds []dnsmessage.Type) {
	for _, ip := range ips {
		kind := dnsmessage.TypeA
		if strings.Contains(ip, ":") {
			kind = dnsmessage.TypeAAAA
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return kinds
}

// ask asks one server over TCP: the answer of a large Service is too long for UDP.
func ask(ctx context.Context, server netip.AddrPort, name string, kind dnsmessage.Type) (addresses []string, ttl time.Duration, err error) {
	ctx, cancel := context.WithTimeout(ctx, askFor)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", server.String())
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = conn.Close() }()
	defer context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })()
	question, err := query(name, kind)
	if err != nil {
		return nil, 0, err
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)); err != nil { //nolint:gosec // a name has 255 bytes at the most
		return nil, 0, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, 0, err
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, 0, err
	}
	return read(answer)
}

// id is of every question: each has a connection of its own.
const id = 1

func query(name string, kind dnsmessage.Type) ([]byte, error) {
	asked, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: asked, Type: kind, Class: dnsmessage.ClassINET}},
	}
	return message.Pack()
}

// read reads an answer. A name that does not exist has no addresses.
func read(answer []byte) (addresses []string, ttl time.Duration, err error) {
	var p dnsmessage.Parser
	header, err := p.Start(answer)
	switch {
	case err != nil:
		return nil, 0, err
	case header.ID != id, !header.Response:
		return nil, 0, errors.New("an answer to another question")
	case header.RCode != dnsmessage.RCodeSuccess && header.RCode != dnsmessage.RCodeNameError:
		return nil, 0, fmt.Errorf("it answers %s", header.RCode)
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, 0, err
	}
	for {
		resource, err := p.Answer()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return addresses, ttl, nil
		}
		if err != nil {
			return nil, 0, err
		}
		ttl = max(ttl, time.Duration(resource.Header.TTL)*time.Second)
		switch body := resource.Body.(type) {
		case *dnsmessage.AResource:
			addresses = append(addresses, netip.AddrFrom4(body.A).String())
		case *dnsmessage.AAAAResource:
			addresses = append(addresses, netip.AddrFrom16(body.AAAA).String())
		}
	}
}

// DefaultDomain is that of nearly every cluster.
const DefaultDomain = "cluster.local"

// Domain reads the cluster's domain from a pod's resolv.conf: its search list begins with
// NAMESPACE.svc.DOMAIN.
func Domain(resolvConf string) string {
	text, err := os.ReadFile(resolvConf)
	if err != nil {
		return DefaultDomain
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 || fields[0] != "search" {
			continue
		}
		for _, suffix := range fields[1:] {
			if _, domain, ok := strings.Cut(suffix, ".svc."); ok {
				return domain
			}
		}
	}
	return DefaultDomain
}
