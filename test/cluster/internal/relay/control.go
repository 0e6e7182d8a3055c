package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// Control handles a relay's orders: PUT /delay, POST /cut, POST /relist.
func (r *Relay) Control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /delay", func(response http.ResponseWriter, request *http.Request) {
		var fault Fault
		err := json.NewDecoder(io.LimitReader(request.Body, 4096)).Decode(&fault)
		if err == nil {
			err = r.Delay(fault)
		}
		if err != nil {
			http.Error(response, err.Error(), http.StatusBadRequest)
		}
	})
	mux.HandleFunc("POST /cut", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprint(response, r.faults.cut(request.FormValue("resource"), false))
	})
	mux.HandleFunc("POST /relist", func(response http.ResponseWriter, request *http.Request) {
		fmt.Fprint(response, r.faults.cut(request.FormValue("resource"), true))
	})
	return mux
}

// Client gives orders to the relay that listens on Socket.
type Client struct{ Socket string }

// Delay delays what the API server sends on watches of the fault's resource; 0 ends it.
func (c Client) Delay(ctx context.Context, fault Fault) error {
	body, err := json.Marshal(fault)
	if err != nil {
		return err
	}
	return c.order(ctx, http.MethodPut, "/delay", body)
}

// Cut ends the open watches of resource; kube-proxy resumes where it was.
func (c Client) Cut(ctx context.Context, resource string) error {
	return c.order(ctx, http.MethodPost, "/cut?"+url.Values{"resource": {resource}}.Encode(), nil)
}

// Relist ends the open watches of resource and refuses the next, so that kube-proxy lists again.
func (c Client) Relist(ctx context.Context, resource string) error {
	return c.order(ctx, http.MethodPost, "/relist?"+url.Values{"resource": {resource}}.Encode(), nil)
}

func (c Client) order(ctx context.Context, method, path string, body []byte) error {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", c.Socket)
	}}
	defer transport.CloseIdleConnections()
	request, err := http.NewRequestWithContext(ctx, method, "http://relay"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return fmt.Errorf("ordering the relay: %w", err)
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 4096))
	if err != nil {
		return fmt.Errorf("ordering the relay: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("ordering the relay: %s", strings.TrimSpace(string(answer)))
	}
	return nil
}
