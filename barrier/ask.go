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

// HTTPAsker asks kube-proxies at the Service's healthCheckNodePort.
type HTTPAsker struct{ client http.Client }

// NewHTTPAsker gives an Asker that uses neither proxies nor redirects, and keeps connections only
// as long as a round takes.
func NewHTTPAsker() *HTTPAsker {
	return &HTTPAsker{client: http.Client{
		Timeout: askTimeout,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: askTimeout}).DialContext,
			MaxIdleConnsPerHost: 1,
			IdleConnTimeout:     3 * time.Second,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close drops the kept connections.
func (a *HTTPAsker) Close() { a.client.CloseIdleConnections() }

// answer is the relevant part of what kube-proxy says about one Service on its node.
type answer struct {
	Service struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"service"`
	LocalEndpoints *int `json:"localEndpoints"`
	// Healthy is kube-proxy's own field (1.28 and later). Cilium answers like it, without this, and by a
	// table of what is yet to be programmed (pkg/loadbalancer/healthserver, 1.18).
	Healthy *bool `json:"serviceProxyHealthy"`
}

// Ask gives the number of local endpoints that the kube-proxy at node shows for service. An answer
// about any other Service is an error: another era's port may have been reused.
func (a *HTTPAsker) Ask(ctx context.Context, node netip.Addr, service Service) (int, error) {
	where := net.JoinHostPort(node.String(), strconv.Itoa(int(service.Port)))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+where+"/healthz", nil)
	if err != nil {
		return 0, err
	}
	response, err := a.client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("no answer at %s: %w", where, brief(err))
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, fmt.Errorf("answer from %s: %w", where, brief(err))
	}
	return parseAnswer(response.StatusCode, body, service)
}

func parseAnswer(status int, body []byte, service Service) (int, error) {
	if len(body) > maxAnswer {
		return 0, fmt.Errorf("an answer of more than %d bytes", maxAnswer)
	}
	if status != http.StatusOK && status != http.StatusServiceUnavailable {
		return 0, fmt.Errorf("answer with HTTP status %d", status)
	}
	var said answer
	if err := json.Unmarshal(body, &said); err != nil {
		return 0, errors.New("an answer that is not kube-proxy's")
	}
	if said.Service.Namespace != service.Namespace || said.Service.Name != service.Name {
		return 0, fmt.Errorf("an answer about another Service, %.100q", said.Service.Namespace+"/"+said.Service.Name)
	}
	if said.LocalEndpoints == nil {
		return 0, errors.New("an answer without localEndpoints")
	}
	if said.Healthy == nil {
		return 0, errors.New("an answer of another proxy than kube-proxy, such as Cilium's: it is no proof")
	}
	return *said.LocalEndpoints, nil
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
