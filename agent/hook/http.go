package hook

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// maxStatus bounds what is read of an answer, in bytes: its status line.
const maxStatus = 1 << 10

// HTTPGet asks by plain HTTP.
type HTTPGet struct {
	Host    string // empty: the pod's own address
	Port    uint16
	Path    string // with its leading slash
	Headers []string
}

// ParseHTTPGet reads "HOST:PORT/PATH"; the host may be empty.
func ParseHTTPGet(text string) (HTTPGet, error) {
	address, path, _ := strings.Cut(text, "/")
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return HTTPGet{}, fmt.Errorf("%q is not HOST:PORT/PATH: %w", text, err)
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil || port == 0 {
		return HTTPGet{}, fmt.Errorf("%q is not HOST:PORT/PATH: port %q", text, portText)
	}
	if strings.ContainsAny(text, " \t\r\n") {
		return HTTPGet{}, fmt.Errorf("%q is not HOST:PORT/PATH: it has white space", text)
	}
	return HTTPGet{Host: host, Port: uint16(port), Path: "/" + path}, nil
}

// AddHeader adds a "Name: value".
func (h *HTTPGet) AddHeader(header string) error {
	name, value, found := strings.Cut(header, ":")
	if !found || name == "" || strings.ContainsAny(name, " \t") || strings.ContainsAny(header, "\r\n") {
		return fmt.Errorf("%q is not a header, Name: value", header)
	}
	h.Headers = append(h.Headers, name+": "+strings.TrimSpace(value))
	return nil
}

// Run asks once. As with the kubelet, any answer is a success, whatever its status; unlike
// it, redirects are not followed.
func (h HTTPGet) Run(ctx context.Context) (string, error) {
	host := h.Host
	if host == "" {
		host = ownAddress()
	}
	address := net.JoinHostPort(host, strconv.Itoa(int(h.Port)))
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
	if err != nil {
		return "failed", err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	var request bytes.Buffer
	fmt.Fprintf(&request, "GET %s HTTP/1.1\r\n", h.Path)
	for _, header := range append(h.defaults(address), h.Headers...) {
		request.WriteString(header + "\r\n")
	}
	request.WriteString("\r\n")
	if _, err := conn.Write(request.Bytes()); err != nil {
		return "failed", fmt.Errorf("asking http://%s%s: %w", address, h.Path, err)
	}
	line, err := bufio.NewReader(io.LimitReader(conn, maxStatus)).ReadString('\n')
	if err != nil {
		return "failed", fmt.Errorf("asking http://%s%s: %w", address, h.Path, err)
	}
	_, status, _ := strings.Cut(strings.TrimSpace(line), " ")
	return "got " + status, nil
}

// defaults are the headers that were not given.
func (h HTTPGet) defaults(address string) []string {
	wanted := []string{"Host: " + address, "User-Agent: lameduck-agent", "Accept: */*", "Connection: close"}
	var missing []string
	for _, header := range wanted {
		name, _, _ := strings.Cut(header, ":")
		given := false
		for _, own := range h.Headers {
			ownName, _, _ := strings.Cut(own, ":")
			given = given || strings.EqualFold(ownName, name)
		}
		if !given {
			missing = append(missing, header)
		}
	}
	return missing
}

// ownAddress is the pod's own address, as applications may listen on that alone.
func ownAddress() string {
	addresses, err := net.InterfaceAddrs()
	if err == nil {
		for _, address := range addresses {
			if network, ok := address.(*net.IPNet); ok && network.IP.IsGlobalUnicast() {
				return network.IP.String()
			}
		}
	}
	return "127.0.0.1"
}
