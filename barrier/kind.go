package barrier

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"syscall"
	"time"
)

const (
	askTimeout = time.Second
	maxAnswer  = 4 << 10 // bytes; kube-proxy's answer has about 200
)

// HealthPorts tells the kind of a node's proxy by how it answers at a Service's healthCheckNodePort. It
// asks for no number: the port knows what kube-proxy believes, not what the rules hold.
type HealthPorts struct{ client http.Client }

// NewHealthPorts gives HealthPorts that use neither proxies nor redirects, and keep no connection.
func NewHealthPorts() *HealthPorts {
	return &HealthPorts{client: http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{
			DialContext:        (&net.Dialer{Timeout: askTimeout}).DialContext,
			DisableKeepAlives:  true,
			DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is the relevant part of what kube-proxy says about one Service on its node.
type answer struct {
	Service struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"service"`
	// Healthy is kube-proxy's own field (1.28 and later). Cilium answers like it, without this
	// (pkg/loadbalancer/healthserver, 1.18).
	Healthy *bool `json:"serviceProxyHealthy"`
}

// Identify returns nil if a kube-proxy at node answers for service.Kind. An answer about any other
// Service is an error: the port may have been an earlier era's.
func (h *HealthPorts) Identify(ctx context.Context, node netip.Addr, service Service) error {
	where := net.JoinHostPort(node.String(), strconv.Itoa(int(service.KindPort)))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+where+"/healthz", nil)
	if err != nil {
		return err
	}
	response, err := h.client.Do(request)
	if err != nil {
		return fmt.Errorf("no answer from kube-proxy at %s: %w", where, brief(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return fmt.Errorf("answer from kube-proxy at %s: %w", where, brief(err))
	}
	return judgeAnswer(response.StatusCode, body, service)
}

func judgeAnswer(status int, body []byte, service Service) error {
	if len(body) > maxAnswer {
		return fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	if status != http.StatusOK && status != http.StatusServiceUnavailable {
		return fmt.Errorf("answer with HTTP status %d", status)
	}
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		return errors.New("an answer that is not kube-proxy's")
	}
	if said.Service.Namespace != service.Namespace || said.Service.Name != service.Kind {
		return fmt.Errorf("an answer about another Service, %.100q", said.Service.Namespace+"/"+said.Service.Name)
	}
	if said.Healthy == nil {
		return fmt.Errorf("an answer of another proxy than kube-proxy, such as Cilium's: %w", ErrUnproved)
	}
	return nil
}

// brief drops from a network error what the caller says already.
func brief(err error) error {
	var number syscall.Errno
	if errors.As(err, &number) {
		return number
	}
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("timeout")
	}
	return err
}
