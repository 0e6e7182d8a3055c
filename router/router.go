// Package router is what is common to the routers that can be asked: where the API of one is, how it is
// called, and what it answers.
//
// A router speaks for itself alone. Its API is called at its pod's own address and nowhere else, and
// what it answers is bounded.
package router

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// Annotation of a router's pod says where its API is, as in "traefik:8080" or "haproxy:8404/stats".
// With "none" the router is not asked.
const Annotation = "lameduck.dev/router-api"

// API says where the API of a router is. The zero API is none.
type API struct {
	Kind string // as in traefik
	Port uint16
	Path string // that all paths of the API begin with; empty, or /...
}

// String is what ParseAPI reads.
func (a API) String() string { return a.Kind + ":" + strconv.Itoa(int(a.Port)) + a.Path }

// maxPath bounds the path of an API, in bytes.
const maxPath = 128

var (
	plainKind = regexp.MustCompile(`^[a-z]{1,32}$`)
	plainPath = regexp.MustCompile(`^(/[A-Za-z0-9._~-]+)*/?$`)
)

// ParseAPI reads KIND:PORT[/PATH].
func ParseAPI(text string) (API, error) {
	kind, rest, found := strings.Cut(text, ":")
	port, path, slash := strings.Cut(rest, "/")
	if slash {
		path = "/" + path
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if !found || err != nil || number == 0 || !plainKind.MatchString(kind) || len(path) > maxPath || !plainPath.MatchString(path) {
		return API{}, fmt.Errorf("%.200q is not KIND:PORT or KIND:PORT/PATH", text)
	}
	return API{kind, uint16(number), strings.TrimSuffix(path, "/")}, nil
}

// Use is what a router does with an address.
type Use int

// The uses.
const (
	Gone  Use = iota // it sends nothing there
	Bound            // nothing new, but sessions that are bound to it, or everything if all else fails
	Sends            // it sends there
)

// maxAddresses bounds how many addresses of one router are kept: a large one has some thousands.
const maxAddresses = 50_000

var errMany = fmt.Errorf("it sends to more than %d addresses", maxAddresses)

// Addresses are what a router sends to.
type Addresses struct {
	uses map[netip.Addr]Use
	// Named: it also sends to servers by their names, which it resolves itself.
	Named bool
}

// Add notes a use of a server, an address with a port. The strongest use of an address counts. A name
// instead of an address is noted as such.
func (a *Addresses) Add(server string, use Use) error {
	host, _, err := net.SplitHostPort(server)
	if err != nil {
		host = strings.Trim(server, "[]")
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		a.Named = true
		return nil //nolint:nilerr // it is a name
	}
	ip = ip.Unmap().WithZone("")
	before, known := a.uses[ip]
	switch {
	case use <= before:
		return nil
	case !known && len(a.uses) == maxAddresses:
		return errMany
	case a.uses == nil:
		a.uses = map[netip.Addr]Use{}
	}
	a.uses[ip] = use
	return nil
}

// Of is the strongest use of any of the addresses.
func (a *Addresses) Of(ips []netip.Addr) Use {
	use := Gone
	for _, ip := range ips {
		use = max(use, a.uses[ip.Unmap()])
	}
	return use
}

// Containers gives the containers of a pod that run a program: by their name, or by the end of their
// image's path.
func Containers(pod *corev1.Pod, program string) (found []*corev1.Container) {
	all := [][]corev1.Container{pod.Spec.Containers, pod.Spec.InitContainers}
	for _, some := range all {
		for i := range some {
			if Runs(&some[i], program) {
				found = append(found, &some[i])
			}
		}
	}
	return found
}

// Runs reports whether a container runs a program: by its name, or by the end of its image's path.
func Runs(c *corev1.Container, program string) bool {
	return c.Name == program || strings.HasSuffix("/"+imagePath(c.Image), "/"+program)
}

// imagePath is an image's name without tag and digest.
func imagePath(image string) string {
	image, _, _ = strings.Cut(image, "@")
	if tag := strings.LastIndexByte(image, ':'); tag > strings.LastIndexByte(image, '/') {
		image = image[:tag]
	}
	return image
}

// NamedPort gives the port of that name that a container which runs the program declares.
func NamedPort(pod *corev1.Pod, program, name string) (uint16, bool) {
	for _, c := range Containers(pod, program) {
		i := slices.IndexFunc(c.Ports, func(p corev1.ContainerPort) bool { return p.Name == name })
		if i >= 0 && c.Ports[i].ContainerPort > 0 && c.Ports[i].ContainerPort <= 65535 {
			return uint16(c.Ports[i].ContainerPort), true //nolint:gosec // it was just checked
		}
	}
	return 0, false
}

// ErrClosed says that the API answered with another status than 200.
var ErrClosed = errors.New("its API is not open")
