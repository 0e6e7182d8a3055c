package command

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/transport/spdy"

	"github.com/lameduck-dev/lameduck/controller"
)

// forwarder asks pods through their kubelet, as kubectl port-forward does: that works where the
// control plane can't reach pods, and whatever NetworkPolicies say.
type forwarder struct {
	config *rest.Config
	client kubernetes.Interface
}

const (
	forwardTimeout = 10 * time.Second
	maxStatus      = 8 << 20 // bytes: 5,000 nodes take one
)

func (f forwarder) status(ctx context.Context, namespace, pod string, port int) (controller.Status, error) {
	var status controller.Status
	ctx, cancel := context.WithTimeout(ctx, forwardTimeout)
	defer cancel()
	transport, upgrader, err := spdy.RoundTripperFor(f.config)
	if err != nil {
		return status, err
	}
	url := f.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(namespace).Name(pod).SubResource("portforward").URL()
	dialer := spdy.NewDialer(upgrader, &http.Client{Transport: transport}, http.MethodPost, url)
	ready := make(chan struct{})
	forward, err := portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:" + strconv.Itoa(port)}, ctx.Done(), ready, io.Discard, io.Discard)
	if err != nil {
		return status, err
	}
	failed := make(chan error, 1)
	go func() { failed <- forward.ForwardPorts() }()
	select {
	case err := <-failed:
		return status, err
	case <-ctx.Done():
		return status, errors.New("no answer in time")
	case <-ready:
	}
	ports, err := forward.GetPorts()
	if err != nil {
		return status, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://127.0.0.1:%d%s", ports[0].Local, controller.StatusPath), nil)
	if err != nil {
		return status, err
	}
	response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(request)
	if err != nil {
		return status, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxStatus+1))
	switch {
	case err != nil:
		return status, err
	case response.StatusCode == http.StatusNotFound:
		return status, errors.New("its version is older than this command")
	case response.StatusCode != http.StatusOK || len(text) > maxStatus:
		return status, fmt.Errorf("it answers with status %d, %d bytes", response.StatusCode, len(text))
	}
	if err := json.Unmarshal(text, &status); err != nil {
		return status, errors.New("its answer is not a controller's")
	}
	return status, nil
}
